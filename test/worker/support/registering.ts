import { createExecutionContext } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { vi } from "vitest";
import { issueCode } from "../../../src/customers/registration/codes.ts";
import { openLedger } from "../../../src/ledger/database.ts";
import worker from "../../../src/index.ts";
import { admin, call, json, type TestProduct } from "./gateway.ts";
import { arrive, aws, newArrival, newListing } from "./marketplace.ts";

/** What a customer who arrives, and the seller's backend, see of the registration. */

/** An agreement as the admin API shows it. */
export interface AgreementView {
  id: string;
  customer: string | null;
  accountId: string | null;
  licenseArn: string | null;
  state: string;
  freeTrial: boolean;
  registeredAt: string;
  activatedAt: string | null;
  usageUntil: string | null;
}

export const agreementsOf = async (product: string) =>
  (await json<{ agreements: AgreementView[] }>(admin("GET", `/v1/agreements?product=${product}`))).agreements;

/** The one agreement of a product. */
export async function agreementOf(product: string): Promise<AgreementView> {
  const agreements = await agreementsOf(product);
  const [agreement] = agreements;
  if (agreement === undefined || agreements.length > 1)
    throw new Error(`product ${product} has ${agreements.length} agreements`);
  return agreement;
}

export const locationOf = (response: Response): string => response.headers.get("location") ?? "";

/** The code that a customer is sent on with, to the seller's page or to the hosted one. */
export function codeIn(response: Response): string {
  const address = new URL(locationOf(response), "https://gateway.test");
  return address.searchParams.get("registration_code") ?? address.pathname.split("/").at(-1) ?? "";
}

/** Redeems a code as the seller's backend does. */
export const redeem = (token: string, code: string, customer?: string): Promise<Response> =>
  call("POST", "/v1/registrations/redeem", {
    token,
    body: { code, ...(customer !== undefined && { customer }) },
  });

/** A code as the gateway has issued it at a time. */
export const codeOf = (agreementId: string, issuedAt: number): Promise<string> =>
  issueCode(openLedger(env.DB), env.REGISTRATION_SECRET ?? "", {
    agreementId,
    use: "redirect",
    now: issuedAt,
  });

/** The webhook messages about an agreement, as they are sent. */
export const toldOf = async (agreement: string) =>
  (
    await json<{ messages: { type: string; payload: { type: string; data: Record<string, unknown> } }[] }>(
      admin("GET", `/v1/messages?agreement=${agreement}`),
    )
  ).messages.map(({ payload }) => payload);

const openAlarms = async () =>
  (
    await json<{ alarms: { kind: string; subject: string; detail: string }[] }>(
      admin("GET", "/v1/alarms?open=true"),
    )
  ).alarms;

/** All that the ledger has, as text. */
export async function ledgerText(): Promise<string> {
  const { results } = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT GLOB '_*' AND name NOT GLOB 'sqlite_*'",
  ).all<{ name: string }>();
  const tables = await env.DB.batch(results.map(({ name }) => env.DB.prepare(`SELECT * FROM ${name}`)));
  return JSON.stringify(tables.map((table) => table.results));
}

/** Calls the Worker as it would be deployed without, or with another, secret for registrations. */
export function callWithSecret(secret: string | undefined, request: Request): Response | Promise<Response> {
  const { REGISTRATION_SECRET: _theirs, ...others } = env;
  const bindings: Env = { ...others, ...(secret !== undefined && { REGISTRATION_SECRET: secret }) };
  return worker.fetch(request, bindings, createExecutionContext());
}

const methods = ["debug", "error", "info", "log", "trace", "warn"] as const;

/** Keeps what the Worker logs, until `vi.restoreAllMocks`. */
export function listenToLogs(): string[] {
  const logged: string[] = [];
  for (const method of methods) {
    vi.spyOn(console, method).mockImplementation((...said: unknown[]) => {
      logged.push(said.map((each) => (typeof each === "string" ? each : JSON.stringify(each))).join(" "));
    });
  }
  return logged;
}

/** From now on AWS resolves no customer. */
export const faultResolving = (faults: object) =>
  aws.faults({ operation: "ResolveCustomer", times: null, ...faults });

/** A customer who comes while AWS cannot say who it is. */
export async function newWaiter(faults: object = { kind: "internal-error" }, { path = "/register" } = {}) {
  const listing = await newListing();
  const { registrationToken, ...names } = await aws.agreement(listing.id);
  await faultResolving(faults);
  const arrival = await arrive(registrationToken, { path: path.replace(":product", listing.id) });
  return { listing, names, registrationToken, arrival, page: locationOf(arrival) };
}

/** A customer came so many milliseconds ago, while AWS could not say who it is, and is let in now. */
export async function arriveAgo(token: string, milliseconds: number): Promise<Response> {
  await faultResolving({ kind: "throttle" });
  const page = locationOf(await arrive(token));
  await aws.heal();
  await pass(milliseconds);
  return call("GET", page);
}

/** Lets the customers of a product have come so many milliseconds ago. */
export const cameAgo = (product: string, milliseconds: number) =>
  env.DB.prepare(
    `UPDATE notices SET occurred_at = occurred_at - ?
     WHERE kind = 'registered' AND agreement_id IN (SELECT id FROM agreements WHERE product_id = ?)`,
  )
    .bind(milliseconds, product)
    .run();

/** Lets time pass for those who wait, as far as the ledger knows. */
export const pass = (milliseconds: number) =>
  env.DB.prepare(
    "UPDATE arrivals SET arrived_at = arrived_at - ?1, expires_at = expires_at - ?1, next_attempt_at = next_attempt_at - ?1",
  )
    .bind(milliseconds)
    .run();

/** How many customers wait. */
export const waiting = async () =>
  (await env.DB.prepare("SELECT count(*) AS n FROM arrivals WHERE token IS NOT NULL").first<number>("n")) ??
  0;

/** What the operator is told of customers who wait. */
export const waitingAlarms = async () =>
  (await openAlarms()).filter(({ kind }) => kind === "registration_waiting");

/** What the operator is told of customers who could not be let in. */
export const lostAlarms = async () => (await openAlarms()).filter(({ kind }) => kind === "registration_lost");

/** What the operator is told of customers who came by another product's address. */
export const misplacedAlarms = async () =>
  (await openAlarms()).filter(({ kind }) => kind === "registration_misplaced");

/** The move was to be at a time that has come by now, and AWS knows of it. */
export async function letMove(listing: TestProduct, from: number): Promise<void> {
  await env.DB.prepare("UPDATE products SET concurrent_agreements_from = ? WHERE id = ?")
    .bind(from, listing.id)
    .run();
  await aws.list(listing.id, { concurrentAgreements: true });
}

/** A customer whose LicenseArn is not known. */
export async function newUnlicensed(listing: TestProduct) {
  const agreement = await newArrival(listing);
  await env.DB.batch([
    env.DB.prepare(
      "UPDATE notices SET license_id = NULL, facts = json_remove(facts, '$.licenseArn') WHERE facts ->> 'licenseArn' = ?",
    ).bind(agreement.licenseArn),
    env.DB.prepare(
      "UPDATE agreements SET license_arn = NULL, license_id = NULL WHERE product_id = ? AND license_arn = ?",
    ).bind(listing.id, agreement.licenseArn),
  ]);
  return agreement;
}
