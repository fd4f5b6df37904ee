import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { agreementsOf, listCustomers } from "../../../src/customers/customers.ts";
import { listAgreements } from "../../../src/ledger/agreements.ts";
import { parts, type PartName } from "../../../src/customers/tick-parts.ts";
import { latestNotices, listNotices, noticesOf } from "../../../src/customers/notices/notices.ts";
import { MAX_RETRIED } from "../../../src/customers/registration/arrivals.ts";
import { encryptToken, registrationKeys } from "../../../src/customers/registration/keys.ts";
import { resolveNames } from "../../../src/customers/resolve-names.ts";
import { bringBack, setRecords } from "../../../src/customers/set-records.ts";
import type { Surroundings } from "../../../src/customers/surroundings.ts";
import type { Ledger } from "../../../src/ledger/database.ts";
import { latestRecords, listRecords } from "../../../src/ledger/records.ts";
import { recountRecords } from "../../../src/ledger/recount.ts";
import { HOUR } from "../../../src/meter/hours.ts";
import { updateAlarms } from "../../../src/watch/alarms.ts";
import { findConditions } from "../../../src/watch/conditions.ts";
import { keepWatch, WATCH_QUERIES } from "../../../src/watch/keep-watch.ts";
import { listMessages } from "../../../src/webhooks/messages.ts";
import { sendMessages } from "../../../src/webhooks/send.ts";
import { WatchedLedger } from "./watched-ledger.ts";

const NOW = Date.UTC(2027, 0, 20, 12);

let watched = new WatchedLedger();
beforeEach(() => {
  watched = new WatchedLedger();
  watched.database.execute(`
    INSERT INTO products (id, name, product_code, region, concurrent_agreements, sign_up_url, settle_seconds,
                          late_settle_seconds, shards, created_at)
    VALUES ('p', 'P', 'code', 'us-east-1', 0, 'https://seller.example', 0, 0, 1, 1)`);
});
afterEach(() => {
  watched.database.close();
});

/** So many agreements, with the given columns. */
function agree(count: number, columns: Readonly<Record<string, number | null>>): void {
  const names = Object.keys(columns).map((name) => `, ${name}`);
  const values = Object.values(columns).map((value) => `, ${String(value)}`);
  watched.database.execute(`
    INSERT INTO agreements (id, product_id, shard, registered_at, account_id, customer_identifier${names.join("")})
    WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ${count})
    SELECT printf('agr_%05d', n), 'p', 0, 1, printf('%012d', n), 'c' || n${values.join("")} FROM n`);
}

/** Each agreement is on a shard of its own. */
function spread(): void {
  watched.database.execute("UPDATE agreements SET shard = CAST(substr(id, 5) AS INTEGER)");
}

/** All agreements have a notice that they are not yet what it says. */
function notify(): void {
  watched.database.execute(`
    INSERT INTO notices (id, source, kind, occurred_at, received_at, facts, aws_agreement_id, agreement_id)
    SELECT id, 'eventbridge', 'activated', 1, 1, '{"licenseArn":"arn:aws:license-manager::1:license:l-' || id || '"}',
           'agmt-' || id, id FROM agreements`);
}

const SECRET = "the-secret-of-the-registrations-here";

/** So many customers who wait, each with a notice that has come before. */
async function wait(count: number): Promise<void> {
  const keys = await registrationKeys(SECRET);
  const random = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);
  const values = await Promise.all(
    Array.from({ length: count }, async (_, n) => {
      const account = String(900_000_000_000 + n);
      return `('${account}', '${await encryptToken(keys, account, account, random)}', 1, ${NOW + HOUR}, 1, 1, 0)`;
    }),
  );
  watched.database.execute(`
    INSERT INTO arrivals (id, token, arrived_at, expires_at, next_attempt_at, attempts, needs_person)
    VALUES ${values.join(", ")};
    INSERT INTO notices (id, source, kind, occurred_at, received_at, facts, product_code, account_id)
    SELECT 'of ' || id, 'sns', 'activated', 1, 1, '{"licenseArn":"arn:aws:license-manager::1:license:l-' || id || '"}',
           'code', id FROM arrivals`);
}

/** What all agreements include of a dimension, which no shard knows yet; each agreement is of a shard of its own. */
function include(): void {
  watched.database.execute(`
    INSERT INTO dimensions (product_id, name, included_by, included_per) VALUES ('p', 'api', 'calls', 'term');
    UPDATE agreements SET shard = rowid;
    INSERT INTO allowances (agreement_id, dimension) SELECT id, 'api' FROM agreements`);
}

const surroundings = (): Surroundings => ({
  ledger: watched.ledger,
  shards: () => ({
    endAgreements: () => Promise.resolve(),
    conservation: () => Promise.resolve([]),
    decide: (decisions) => Promise.resolve(decisions.map(() => null)),
  }),
  now: () => NOW,
  random: () => 0,
  resolveCustomer: (token) =>
    Promise.resolve({
      ok: true,
      value: { ProductCode: "code", CustomerAWSAccountId: token, CustomerIdentifier: `ci-${token}` },
      requestId: null,
    }),
  entitlements: () => ({
    getEntitlements: () => Promise.resolve({ ok: true, value: { Entitlements: [] }, requestId: null }),
  }),
  secret: SECRET,
  report: () => undefined,
});

const AGREEMENT = { id: "agr_00001", licenseArn: null } as const;
const LIFE = { usageUntil: NOW, endedAt: 1, activatedAt: 1, startsAt: 1, lifeVersion: 1 } as const;
const RECORDED = { id: AGREEMENT.id, ...LIFE } as const;
const LIST = { limit: 101, after: "a" } as const;

/** Each walks what it needs and no whole table: of partial indexes, which hold what is left to do, those that are named. */
const cases: readonly (readonly [string, (ledger: Ledger) => Promise<unknown>, readonly string[]])[] = [
  [
    "what a person must know of",
    (ledger) => findConditions(ledger, NOW),
    ["records_parked", "arrivals_waiting", "arrivals_lost"],
  ],
  [
    "alarms that are raised",
    (ledger) => updateAlarms(ledger, [], { now: NOW, newId: () => "id" }),
    ["alarms_open"],
  ],
  [
    "webhook messages that are due",
    (ledger) =>
      sendMessages({
        ledger,
        receiver: { url: "https://seller.example", secret: "whsec_c2VjcmV0" },
        fetch: () => Promise.reject(new Error("nothing is due")),
        now: () => NOW,
        random: () => 0,
      }),
    [],
  ],
  ["notices of nobody", (ledger) => listNotices(ledger, { ...LIST, unmatched: true }), []],
  ["an agreement's notices", (ledger) => noticesOf(ledger, AGREEMENT), []],
  ["an agreement's latest notices", (ledger) => latestNotices(ledger, [AGREEMENT.id], 50), []],
  ["an agreement's latest records", (ledger) => latestRecords(ledger, [AGREEMENT.id], 50), []],
  [
    "an agreement's open records",
    (ledger) => setRecords(ledger, [RECORDED], { hasNews: true, now: NOW }),
    [],
  ],
  ["an agreement's records that were given up", (ledger) => bringBack(ledger, RECORDED, NOW), []],
  ["all records of some agreements", (ledger) => recountRecords(ledger, "p:0", [AGREEMENT.id]), []],
  [
    "messages not delivered",
    (ledger) => listMessages(ledger, { ...LIST, undelivered: true }),
    ["messages_undelivered"],
  ],
  ["agreements by an own id", (ledger) => listAgreements(ledger, { ...LIST, customer: "acme" }), []],
  [
    "agreements that end",
    (ledger) => listAgreements(ledger, { ...LIST, state: { is: "ending", now: NOW } }),
    [],
  ],
  ...(["pending", "sent", "waiting"] as const).map(
    (state) =>
      [
        `records that are ${state}`,
        (ledger: Ledger) => listRecords(ledger, { ...LIST, state }),
        ["records_open"],
      ] as const,
  ),
  ["parked records", (ledger) => listRecords(ledger, { ...LIST, state: "parked" }), []],
  ["rolling records", (ledger) => listRecords(ledger, { ...LIST, state: "rolling" }), ["records_rolling"]],
  ["customers", (ledger) => listCustomers(ledger, LIST), []],
  ["customers by a name", (ledger) => listCustomers(ledger, { ...LIST, search: "c" }), []],
  ["a customer's agreements", (ledger) => agreementsOf(ledger, "000000000001", LIST), []],
];

describe("a query that is made often", () => {
  it.each(cases)("finds %s without reading a whole table", async (_what, query, partial) => {
    agree(1, { activated_at: 1 });
    watched.forget();
    await query(watched.ledger);
    expect(watched.scans(partial)).toEqual([]);
  });

  it.each(Object.keys(parts) as PartName[])("is that of the part %s, too", async (name) => {
    agree(3, { activated_at: 1 });
    include();
    await wait(3);
    watched.forget();
    await parts[name](surroundings(), "");
    await parts[name](surroundings(), name === "endings" || name === "closings" ? "1 agr_00001" : "");
    expect(watched.scans([])).toEqual([]);
  });
});

describe("notices of nobody", () => {
  it("are forgotten by their age, and not looked for among all that are nobody's", async () => {
    await parts.leftovers(surroundings());
    expect([...watched.indexes].toSorted()).toEqual(["notices_unmatched_age", "registration_codes_expiry"]);
  });
});

describe("the names that usage comes with", () => {
  it("are looked up one by one, and not by reading all agreements of their product", async () => {
    await resolveNames(watched.ledger, "p", new Set(["one", "other"]));
    expect(watched.count).toBe(1);
    expect(watched.scans([])).toEqual([]);
    const columns = ["customer", "former_customer", "license_arn", "account_id", "customer_identifier"];
    expect(watched.searches).toEqual(columns.map((column) => `product_id=? AND ${column}=?`));
  });
});

describe("the watch", () => {
  it.each(["NULL", "'agr_' || n"])(
    "makes no more queries than it says, however many messages wait, of agreement %s",
    async (agreement) => {
      watched.database.execute(`
      INSERT INTO messages (id, type, agreement_id, payload, created_at, attempts, next_attempt_at)
      WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 4000)
      SELECT printf('msg_z%06d', n), 'some', ${agreement}, '{}', 1, 0, 1 FROM n`);
      watched.forget();
      await keepWatch({
        ledger: watched.ledger,
        receiver: { url: "https://seller.example", secret: "whsec_c2VjcmV0" },
        fetch: () => Promise.resolve(new Response()),
        now: () => NOW,
        random: () => 0,
        newId: () => "id",
      });
      expect(watched.count).toBeGreaterThan(200);
      expect(watched.count).toBeLessThanOrEqual(WATCH_QUERIES);
    },
  );
});

describe("a slice that is full", () => {
  const ends = (until: number) => ({ activated_at: 1, ended_at: 1, usage_until: until });

  it.each<[part: PartName, full: number, fill: (count: number) => unknown]>([
    ["notices", 50, (count) => (agree(count, {}), notify())],
    ["endings", 2000, (count) => agree(count, ends(NOW + HOUR))],
    ["closings", 450, (count) => (agree(count, ends(NOW - HOUR)), spread())],
    ["arrivals", MAX_RETRIED, wait],
    ["entitlements", 60, (count) => (agree(count, { entitlements_due_at: 1 }), notify())],
    ["allowances", 500, (count) => (agree(count, { activated_at: 1 }), spread(), include())],
  ])("of the part %s stays below the thousand queries that D1 allows", async (name, full, fill) => {
    await fill(full + 1);
    watched.forget();
    const { next, faults } = await parts[name](surroundings(), "");
    expect({ goesOn: next !== null, faults }).toEqual({ goesOn: true, faults: [] });
    expect(watched.count).toBeLessThan(950);
  });
});
