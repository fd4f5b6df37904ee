import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { shardName } from "../../src/meter/shard-name.ts";
import { withShardTrigger } from "./support/breaking.ts";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { admin, json, newProduct, type TestProduct, type UsageAnswer } from "./support/gateway.ts";
import { newCustomer, newListing } from "./support/marketplace.ts";
import { HOUR, iso, SECOND, startOfHour } from "./support/times.ts";

const shardOf = (product: { readonly id: string }) => env.METER_SHARD.getByName(shardName(product.id, 0));

/** Reads the shard's own tables. */
function stored<Row>(product: TestProduct, query: string): Promise<Row[]> {
  return runInDurableObject(shardOf(product), (_shard, state) => [...state.storage.sql.exec(query)] as Row[]);
}

async function totals(product: { readonly id: string }) {
  const url = `/v1/conservation?product=${product.id}`;
  return (await json<{ totals: unknown }>(admin("GET", url))).totals;
}

/** The middle of the hour that began so many hours ago: far from the hours' ends, whenever the test runs. */
const hoursAgo = (hours: number, seconds = 0): string =>
  iso(startOfHour(hours) + HOUR / 2 + seconds * SECOND);

/** A thousand events of one customer, whose ids begin alike. */
const thousand = (customer: string, name: string) =>
  Array.from({ length: 1000 }, (_, n) => ({ id: `${name}-${n}`, customer, dimension: "api", quantity: 1 }));

describe("what a shard writes", () => {
  it("is one row for a request, however many events it has", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    await product.post(thousand(accountId ?? "", "a"));
    expect(await stored(product, "SELECT line FROM journal_0")).toEqual([{ line: 0 }]);
    await product.post(thousand(accountId ?? "", "b"));
    expect(await stored(product, "SELECT line FROM journal_0")).toEqual([{ line: 0 }, { line: 1000 }]);
  });

  it("is packed every 50 000 lines: eight rows of ids and a page of accounts, and nothing is forgotten", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const customer = accountId ?? "";
    for (let n = 0; n < 51; n++) await product.post(thousand(customer, `r${n}`));
    const tables = () =>
      stored<{ name: string }>(
        product,
        "SELECT name FROM sqlite_master WHERE name GLOB 'ids_*' OR name GLOB 'journal_*' ORDER BY name",
      );
    // Usage is counted meanwhile, so packing ends a moment later.
    await expect.poll(tables).toEqual([{ name: "ids_0" }, { name: "journal_0" }, { name: "journal_50000" }]);
    expect(await stored(product, "SELECT COUNT(*) AS rows FROM ids_0")).toEqual([{ rows: 8 }]);
    expect(await stored(product, "SELECT COUNT(*) AS rows FROM accounts")).toEqual([{ rows: 1 }]);

    await evictDurableObject(shardOf(product));
    const again = await json<UsageAnswer>(product.post(thousand(customer, "r7")));
    expect(again).toMatchObject({ accepted: 0, duplicates: 1000 });
    expect(await totals(product)).toMatchObject({ accepted: "51000", open: "51000", conserved: true });
  });
});

describe("a shard that dies", () => {
  it("while it seals has sealed nothing, and seals each hour once when it is back", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 4));
    const crash = "BEFORE INSERT ON outbox BEGIN SELECT RAISE(ABORT, 'crash'); END";
    await withShardTrigger(listing.id, crash, async () => {
      await expect(seal(listing.id)).rejects.toThrow("the shard starts over");
      expect(await totals(listing)).toMatchObject({
        accepted: "4",
        open: "4",
        pending: "0",
        conserved: true,
      });
    });
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", quantity: 4 }]);
    expect(await totals(listing)).toMatchObject({ delivered: "4", open: "0", conserved: true });
  });

  it("between requests loses nothing of them: ids, voids and quantities are those of before", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const customer = accountId ?? "";
    for (let n = 0; n < 5; n++) {
      await product.post([
        { id: `e${n}`, customer, dimension: "api", quantity: "1.5" },
        { id: `x${n}`, customer, dimension: "api", quantity: "7" },
        { id: `v${n}`, customer, voids: `x${n}` },
      ]);
      await evictDurableObject(shardOf(product));
    }
    expect(await totals(product)).toMatchObject({ accepted: "7.5", open: "7.5", conserved: true });
    const again = await json<UsageAnswer>(product.post({ id: "w", customer, voids: "x1" }));
    expect(again.results).toMatchObject([{ status: "rejected", error: { code: "already_voided" } }]);
  });
});

describe("a dimension's settings", () => {
  it("decide what AWS is told: greatest, last, different values, and a divisor", async () => {
    const dimensions = [
      { name: "seats", aggregation: "max" },
      { name: "disk", aggregation: "last", divisor: 1000 },
      { name: "users", aggregation: "unique", uniqueTag: "user" },
    ];
    const listing = await newListing({ dimensions });
    const { accountId } = await newCustomer(listing);
    const event = (dimension: string, fields: Record<string, unknown>) => ({
      id: crypto.randomUUID(),
      customer: accountId,
      dimension,
      timestamp: hoursAgo(3),
      ...fields,
    });
    const answer = await json<UsageAnswer>(
      listing.post([
        event("seats", { quantity: 5 }),
        event("seats", { quantity: 8 }),
        event("seats", { quantity: 6 }),
        event("disk", { quantity: 1999, timestamp: hoursAgo(3) }),
        event("disk", { quantity: 3500, timestamp: hoursAgo(3, -1) }),
        event("users", { tags: { user: "ann" } }),
        event("users", { tags: { user: "bob" } }),
        event("users", { tags: { user: "ann" } }),
        event("users", {}),
      ]),
    );
    expect(answer).toMatchObject({ accepted: 8, rejected: 1 });
    expect(answer.results[8]?.error).toMatchObject({ code: "missing_tag", field: "tags" });
    await seal(listing.id);
    const records = await recordsOf(listing.id);
    const quantities = records.map(({ dimension, quantity }) => [dimension, quantity]);
    expect(Object.fromEntries(quantities)).toEqual({ seats: 8, disk: 1, users: 2 });
    expect(await totals(listing)).toMatchObject({ accepted: "2009", carry: "999", conserved: true });
  });

  it("let late usage be held for a person, or refused", async () => {
    const listing = await newListing({
      dimensions: [
        { name: "held", late: "hold" },
        { name: "refused", late: "reject" },
      ],
    });
    const { accountId } = await newCustomer(listing);
    const timestamp = hoursAgo(3);
    const both = () =>
      ["held", "refused"].map((dimension) => ({
        id: crypto.randomUUID(),
        customer: accountId,
        dimension,
        quantity: 2,
        timestamp,
      }));
    await listing.post(both());
    await seal(listing.id);
    const late = await json<UsageAnswer>(listing.post(both()));
    expect(late.results).toMatchObject([
      { status: "accepted", held: true },
      { status: "rejected", error: { code: "late_usage_rejected", field: "timestamp" } },
    ]);
    expect(await totals(listing)).toMatchObject({
      accepted: "6",
      pending: "4",
      parked: "2",
      held: "2",
      conserved: true,
    });
  });

  it("that carry late usage forward leave its trail in the record that bills it", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    const post = (quantity: number, timestamp: string) =>
      json<UsageAnswer>(
        listing.post({ id: crypto.randomUUID(), customer: accountId, dimension: "api", quantity, timestamp }),
      );
    await post(2, hoursAgo(3));
    await seal(listing.id);
    const { results } = await post(5, hoursAgo(3));
    expect(results).toMatchObject([
      { status: "accepted", billedHour: expect.stringMatching(/:00:00.000Z$/) as string },
    ]);
    expect(await totals(listing)).toMatchObject({ accepted: "7", open: "5", conserved: true });
  });
});

describe("an id that comes again", () => {
  it("with another quantity while its hour is open is refused, and the answer names what differs", async () => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const event = { id: "1", customer: accountId, dimension: "api", quantity: 5 };
    await product.post(event);
    const response = await product.post({ ...event, quantity: 6, dimension: "gb" });
    expect(response.status).toBe(422);
    const { results } = await json<UsageAnswer>(response);
    expect(results).toMatchObject([
      { status: "rejected", error: { code: "id_conflict", field: "dimension" } },
    ]);
    expect(results[0]?.error?.detail).toContain("dimension, quantity");
    expect(await totals(product)).toMatchObject({ accepted: "5" });
  });
});

describe("a voiding", () => {
  it("takes an event back, and after its hour is sealed leaves a credit that the books show", async () => {
    const listing = await newListing();
    const { accountId } = await newCustomer(listing);
    const timestamp = hoursAgo(3);
    const event = (id: string) => ({ id, customer: accountId, dimension: "api", quantity: 5, timestamp });
    const post = (body: unknown) => json<UsageAnswer>(listing.post(body));
    await post([event("1"), event("2")]);
    expect((await post({ id: "v1", customer: accountId, voids: "1" })).results).toMatchObject([
      { voided: "removed" },
    ]);
    await seal(listing.id);
    expect((await post({ id: "v2", customer: accountId, voids: "2" })).results).toMatchObject([
      { voided: "credited" },
    ]);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", quantity: 5 }]);
    expect(await totals(listing)).toMatchObject({
      accepted: "0",
      delivered: "5",
      carry: "-5",
      credit: "5",
      conserved: true,
    });
  });

  it.each([
    ["names nothing", { voids: "" }, "voids"],
    ["names itself", { voids: "v" }, "voids"],
    ["brings a quantity of its own", { voids: "1", quantity: 1 }, "quantity"],
  ])("that %s is refused", async (_what, fields, field) => {
    const product = await newProduct();
    const { accountId } = await product.agree();
    const { results } = await json<UsageAnswer>(product.post({ id: "v", customer: accountId, ...fields }));
    expect(results).toMatchObject([{ status: "rejected", error: { code: "invalid_voids", field } }]);
  });
});
