import { html } from "hono/html";
import { shown } from "../control/agreement-routes.ts";
import type { Call, MeteringRecord, Product } from "../model.ts";
import type { Simulator } from "../simulator.ts";
import { defaultSwitches } from "../switches.ts";

/** Markup whose interpolated texts are escaped. */
export type Markup = ReturnType<typeof html>;

/** How many entries of a list are shown; the control plane pages through all. */
const most = 100;

interface Column<Row> {
  readonly name: string;
  readonly kind?: "number" | "wrapping";
  readonly cell: (row: Row) => Markup | string | number;
}

interface List<Row> {
  readonly id: string;
  readonly title: string;
  readonly total: number;
  /** What the rows are of the total: "newest first". */
  readonly order: string;
  readonly columns: readonly Column<Row>[];
  readonly rows: readonly Row[];
  readonly empty: Markup | string;
  readonly isWide?: boolean;
}

function list<Row>(list: List<Row>): Markup {
  const { id, title, total, order, rows, isWide = false } = list;
  const shown = total > rows.length ? `, ${rows.length} shown` : "";
  return html`<section id="${id}" class="${isWide ? "wide" : ""}" data-live>
    <h2 id="${id}-title">${title} <small>${total}${shown}${rows.length > 1 ? `, ${order}` : ""}</small></h2>
    ${rows.length === 0 ? html`<p class="soft">${list.empty}</p>` : table(list)}
  </section>`;
}

function table<Row>({ id, columns, rows }: List<Row>): Markup {
  const head = columns.map(({ name, kind }) => html`<th scope="col" class="${kind ?? ""}">${name}</th>`);
  const cells = (row: Row) =>
    columns.map(({ cell, kind }) => html`<td class="${kind ?? ""}">${cell(row)}</td>`);
  return html`<div class="scroll" tabindex="0" role="region" aria-labelledby="${id}-title">
    <table>
      <thead>
        <tr>
          ${head}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          (row) =>
            html`<tr>
              ${cells(row)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}

const code = (text: string): Markup => html`<code>${text}</code>`;

/** A time of the simulated AWS, in UTC. */
const moment = (time: string): Markup =>
  html`<time datetime="${time}">${time.slice(0, 19).replace("T", " ")}</time>`;

/** The end of a licence's name, which tells licences apart; the whole name beside it, for who points at it. */
const license = (arn: string | null): Markup | string =>
  arn === null ? "by product code" : html`<code title="${arn}">${arn.split(":").at(-1) ?? arn}</code>`;

const operationColumns: readonly Column<Call>[] = [
  { name: "Time", cell: ({ time }) => moment(time) },
  { name: "Operation", cell: ({ operation }) => operation },
  { name: "Records", kind: "number", cell: ({ records }) => records },
  {
    name: "Answer",
    cell: ({ status, error }) =>
      error === null
        ? html`<span class="good">${status}</span>`
        : html`<span class="bad">${status} ${error}</span>`,
  },
  { name: "Region", cell: ({ region }) => region ?? "" },
];

export function callsSection({ store }: Simulator): Markup {
  return list({
    id: "calls",
    title: "Calls",
    total: store.counts().calls,
    order: "newest first",
    columns: operationColumns,
    rows: store
      .calls({ limit: most })
      .map(({ value }) => value)
      .toReversed(),
    empty: "No call has come in yet.",
  });
}

const recordColumns: readonly Column<MeteringRecord>[] = [
  {
    name: "Hour (UTC)",
    cell: ({ hour }) => html`<time datetime="${hour}">${hour.slice(0, 16).replace("T", " ")}</time>`,
  },
  { name: "Account", cell: ({ accountId }) => code(accountId) },
  { name: "Dimension", cell: ({ dimension }) => dimension },
  { name: "Quantity", kind: "number", cell: ({ quantity }) => quantity },
  { name: "License", cell: ({ licenseArn }) => license(licenseArn) },
  { name: "Region", cell: ({ region }) => region },
  { name: "Product", cell: ({ productCode }) => code(productCode) },
  { name: "Record id", cell: ({ meteringRecordId }) => code(meteringRecordId) },
];

export function recordsSection({ store }: Simulator): Markup {
  return list({
    id: "records",
    isWide: true,
    title: "Metering records",
    total: store.counts().records,
    order: "newest first",
    columns: recordColumns,
    rows: store
      .records({}, { limit: most })
      .map(({ value }) => value)
      .toReversed(),
    empty: "Nothing has been metered yet.",
  });
}

const productColumns: readonly Column<Product>[] = [
  { name: "Product code", cell: ({ productCode }) => code(productCode) },
  { name: "Dimensions", kind: "wrapping", cell: ({ dimensions }) => dimensions.join(", ") },
  {
    name: "Metered by",
    cell: ({ concurrentAgreements }) => (concurrentAgreements ? "LicenseArn" : "ProductCode"),
  },
];

export function productsSection({ store }: Simulator): Markup {
  return list({
    id: "products",
    title: "Products",
    total: store.counts().products,
    order: "by code",
    columns: productColumns,
    rows: store.list("product", { limit: most }).map(({ value }) => value),
    empty: html`There is none yet. Add one: <code>POST /_simulator/products</code>`,
  });
}

type ShownAgreement = ReturnType<typeof shown>;

const agreementColumns: readonly Column<ShownAgreement>[] = [
  { name: "Agreement", cell: ({ agreementId }) => code(agreementId) },
  { name: "Product", cell: ({ productCode }) => code(productCode) },
  { name: "Account", cell: ({ accountId }) => code(accountId) },
  { name: "License", cell: ({ licenseArn }) => license(licenseArn) },
  { name: "Customer identifier", cell: ({ customerIdentifier }) => code(customerIdentifier || "none") },
  {
    name: "Takes usage",
    cell: ({ live, status }) =>
      live
        ? html`<span class="good">yes</span>`
        : html`<span class="bad">no</span>${status === "active" ? "" : `, ${status}`}`,
  },
  { name: "Since", cell: ({ startsAt }) => moment(startsAt) },
  {
    name: "Ended",
    cell: ({ endsAt, endedAt, deprovisionedAt }) => {
      const end = deprovisionedAt ?? endedAt ?? endsAt;
      return end === null ? "" : moment(end);
    },
  },
];

export function agreementsSection(simulator: Simulator): Markup {
  const { store } = simulator;
  return list({
    id: "agreements",
    isWide: true,
    title: "Agreements",
    total: store.counts().agreements,
    order: "by id",
    columns: agreementColumns,
    rows: store.list("agreement", { limit: most }).map(({ value }) => shown(value, simulator)),
    empty: html`There is none yet. Add one: <code>POST /_simulator/agreements</code>`,
  });
}

/** What makes this simulated AWS behave as it does: its clock, the switches that were turned, the faults on order. */
export function settingsSection(simulator: Simulator): Markup {
  const { store, world, now, machineNow } = simulator;
  const isFrozen = "frozenAt" in (store.get("clock", "") ?? {});
  const offset = Math.round((now - machineNow) / 1000);
  const clock = isFrozen
    ? "standing still"
    : offset === 0
      ? "the machine's"
      : `${offset > 0 ? "+" : ""}${offset} s`;
  const turned = Object.entries(world.switches).filter(
    ([name, value]) =>
      JSON.stringify(value) !== JSON.stringify(defaultSwitches[name as keyof typeof defaultSwitches]),
  );
  const faults = store.get("faults", "") ?? [];
  const orders = faults.map(
    ({ kind, times, operation }) =>
      `${kind}${times === null ? " always" : ` × ${times}`}${operation ? ` (${operation})` : ""}`,
  );
  return html`<section id="settings" class="wide" data-live>
    <h2>Settings</h2>
    <dl>
      <div>
        <dt>Simulated time, UTC</dt>
        <dd>${isFrozen ? moment(new Date(now).toISOString()) : ""} ${clock}</dd>
      </div>
      <div>
        <dt>Switches turned</dt>
        <dd>
          ${turned.length === 0 ? "none" : turned.map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(", ")}
        </dd>
      </div>
      <div>
        <dt>Faults on order</dt>
        <dd>${orders.length === 0 ? "none" : orders.join(", ")}</dd>
      </div>
    </dl>
  </section>`;
}
