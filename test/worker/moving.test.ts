import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { recordsOf, retryNow, seal, tick } from "./support/delivering.ts";
import { admin, json, type TestProduct } from "./support/gateway.ts";
import { arrive, aws, newCustomer, newListing, notify } from "./support/marketplace.ts";
import { cameAgo, letMove, newUnlicensed } from "./support/registering.ts";
import { ago, HOUR, iso, MINUTE, startOfHour } from "./support/times.ts";

/** The beginning of an hour: of this one, of the one before it, and so on. */

interface Agreement {
  id: string;
  accountId: string | null;
  licenseArn: string | null;
}

const legacy = () => newListing({ concurrentAgreements: false });
const agreementsOf = async (listing: TestProduct) =>
  (await json<{ agreements: Agreement[] }>(admin("GET", `/v1/agreements?product=${listing.id}`))).agreements;
const agreementOf = async (listing: TestProduct) => {
  const [agreement] = await agreementsOf(listing);
  if (agreement === undefined) throw new Error(`product ${listing.id} has no agreement`);
  return agreement;
};
const move = (listing: TestProduct, from: number | null) =>
  admin("PATCH", `/v1/products/${listing.id}`, {
    concurrentAgreementsFrom: from === null ? null : iso(from),
  });

const usageIn = (customer: string, at: number, quantity = 1) => ({
  id: crypto.randomUUID(),
  customer,
  dimension: "api",
  quantity,
  timestamp: iso(at + MINUTE),
});

/** What AWS has booked, oldest hour first. */
const booked = async (listing: TestProduct) =>
  (await aws.records(listing.id))
    .map(({ timestamp, licenseArn, quantity }) => ({
      hour: Math.floor(Date.parse(timestamp) / HOUR) * HOUR,
      licenseArn,
      quantity,
    }))
    .toSorted((a, b) => a.hour - b.hour);

beforeEach(async () => {
  await aws.heal();
  // Records of hours before the move are to be taken, though the product has opted in by now.
  await aws.switches({ bothProductAndLicense: "doubleBook" });
});
afterEach(() => aws.switches({ bothProductAndLicense: "reject" }));

describe("a move to concurrent agreements", () => {
  it("is agreed on for the beginning of an hour to come, and taken back while that has not come", async () => {
    const listing = await legacy();
    for (const from of [startOfHour(-1), startOfHour(-50)]) {
      expect(await json(move(listing, from))).toMatchObject({
        concurrentAgreements: false,
        concurrentAgreementsFrom: iso(from),
      });
    }
    expect(await json(move(listing, null))).toMatchObject({ concurrentAgreementsFrom: null });
  });

  it.each([
    ["within an hour", () => startOfHour(-1) + 1000, 400, "must be the beginning of an hour"],
    ["in the hour that has begun", () => startOfHour(), 409, "the move can be at"],
    ["in the past", () => startOfHour(5), 409, "the move can be at"],
  ])("is refused %s", async (_when, from, status, detail) => {
    const refused = await move(await legacy(), from());
    expect(refused.status).toBe(status);
    expect(await refused.text()).toContain(detail);
  });

  it("is refused while agreements have no LicenseArn, with their number, and they are listed", async () => {
    const listing = await legacy();
    await newCustomer(listing);
    const [first, second] = [await newUnlicensed(listing), await newUnlicensed(listing)];
    const refused = await move(listing, startOfHour(-1));
    expect(refused.status).toBe(409);
    expect(await refused.text()).toContain("2 agreements of product");
    const { agreements } = await json<{ agreements: Agreement[] }>(
      admin("GET", `/v1/agreements?product=${listing.id}&licensed=false`),
    );
    expect(new Set(agreements.map(({ accountId }) => accountId))).toEqual(
      new Set([first.accountId, second.accountId]),
    );
    // What AWS takes no usage of any more needs none.
    await cameAgo(listing.id, 3 * HOUR);
    for (const { id } of agreements) await admin("POST", `/v1/agreements/${id}/end`, { at: ago(2 * HOUR) });
    expect((await move(listing, startOfHour(-1))).status).toBe(200);
  });

  it.each([
    ["has come", () => legacy(), async (listing: TestProduct) => letMove(listing, startOfHour())],
    ["was never needed", () => newListing(), () => Promise.resolve()],
  ])("is refused, and not taken back, when it %s", async (_what, list, prepare) => {
    const listing = await list();
    await prepare(listing);
    for (const from of [startOfHour(-1), startOfHour(-2)])
      expect((await move(listing, from)).status).toBe(409);
    const { concurrentAgreementsFrom } = await json<{ concurrentAgreementsFrom: string | null }>(
      admin("PATCH", `/v1/products/${listing.id}`, {}),
    );
    if (concurrentAgreementsFrom !== null) expect((await move(listing, null)).status).toBe(409);
  });
});

describe("records of a product that moves", () => {
  it("carry ProductCode before its hour and LicenseArn from then on, late usage, too, and never both", async () => {
    const listing = await legacy();
    const { accountId, licenseArn } = await newCustomer(listing);
    await letMove(listing, startOfHour(2));
    const hours = [startOfHour(5), startOfHour(3), startOfHour(2), startOfHour(1)];
    await listing.post(hours.map((at) => usageIn(accountId, at)));
    await seal(listing.id);
    await tick();
    // Usage that comes later for hours of both sides joins this hour, which its end seals.
    await listing.post(hours.map((at) => usageIn(accountId, at, 2)));
    await listing.post(usageIn(accountId, startOfHour(4), 7));
    await seal(listing.id);
    await tick();
    expect(await booked(listing)).toEqual([
      { hour: startOfHour(5), licenseArn: null, quantity: 1 },
      { hour: startOfHour(4), licenseArn: null, quantity: 7 },
      { hour: startOfHour(3), licenseArn: null, quantity: 1 },
      { hour: startOfHour(2), licenseArn, quantity: 1 },
      { hour: startOfHour(1), licenseArn, quantity: 1 },
    ]);
    const { id } = await agreementOf(listing);
    await admin("POST", `/v1/agreements/${id}/end`, {});
    await tick();
    expect((await booked(listing)).at(-1)).toEqual({ hour: startOfHour(), licenseArn, quantity: 8 });
    expect(new Set((await booked(listing)).map((record) => record.hour)).size).toBe(6);
  });

  it("that were sealed before it go again as they were, and are booked once", async () => {
    const listing = await legacy();
    const { accountId } = await newCustomer(listing);
    await listing.post(usageIn(accountId, startOfHour(1), 4));
    await seal(listing.id);
    await aws.faults({ kind: "drop-connection-after-store", operation: "BatchMeterUsage" });
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "pending", attempts: 1 }]);
    await letMove(listing, startOfHour());
    await retryNow(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered", attempts: 2 }]);
    expect(await booked(listing)).toEqual([{ hour: startOfHour(1), licenseArn: null, quantity: 4 }]);
  });

  it("of before it that AWS knows no more wait for a person, and hold up no others", async () => {
    await aws.switches({ bothProductAndLicense: "reject" });
    const listing = await legacy();
    const { accountId, licenseArn } = await newCustomer(listing);
    await listing.post([usageIn(accountId, startOfHour(3), 4), usageIn(accountId, startOfHour(1), 2)]);
    await letMove(listing, startOfHour(2));
    await seal(listing.id);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([
      { state: "parked", reason: "refused", lastAnswer: "InvalidProductCodeException" },
      { state: "delivered" },
    ]);
    const { products } = await json<{ products: { product: string; paused: unknown }[] }>(
      admin("GET", "/v1/health"),
    );
    expect(products.find(({ product }) => product === listing.id)).toMatchObject({ paused: null });
    const [old] = await recordsOf(listing.id);
    const decided = await admin("POST", "/v1/actions", { record: old?.id, action: "roll_over" });
    expect(decided.status).toBe(201);
    const { id } = await agreementOf(listing);
    await tick();
    await admin("POST", `/v1/agreements/${id}/end`, {});
    await tick();
    expect(await booked(listing)).toEqual([
      { hour: startOfHour(1), licenseArn, quantity: 2 },
      { hour: startOfHour(), licenseArn, quantity: 4 },
    ]);
  });

  it("that roll over to an hour after it carry LicenseArn there", async () => {
    const listing = await legacy();
    const { accountId, licenseArn } = await newCustomer(listing);
    await listing.post(usageIn(accountId, startOfHour(1), 4));
    await seal(listing.id);
    await env.DB.prepare("UPDATE records SET deadline = ? WHERE product_id = ?")
      .bind(Date.now(), listing.id)
      .run();
    await letMove(listing, startOfHour());
    await tick();
    const { id } = await agreementOf(listing);
    await admin("POST", `/v1/agreements/${id}/end`, {});
    await tick();
    expect(await booked(listing)).toEqual([{ hour: startOfHour(), licenseArn, quantity: 4 }]);
  });

  it("of an agreement without a LicenseArn wait for a person, and roll over once it is known", async () => {
    const listing = await legacy();
    const { accountId, licenseArn } = await newUnlicensed(listing);
    await letMove(listing, startOfHour(2));
    await listing.post([3, 2, 1].map((hours) => usageIn(accountId, startOfHour(hours), hours)));
    await seal(listing.id);
    await tick();
    expect(await booked(listing)).toEqual([{ hour: startOfHour(3), licenseArn: null, quantity: 3 }]);
    const { parked } = await json<{
      parked: { record: string; reason: string; lastAnswer: string; actions: { action: string }[] }[];
    }>(admin("GET", `/v1/parked?product=${listing.id}`));
    expect(parked).toMatchObject([
      { reason: "refused", lastAnswer: "LicenseArnMissing" },
      { reason: "refused", lastAnswer: "LicenseArnMissing" },
    ]);
    for (const { actions } of parked)
      expect(actions.map(({ action }) => action)).toEqual(["roll_over", "write_off"]);
    const act = (record: string | undefined, action: string) =>
      admin("POST", "/v1/actions", { record, action, note: "seen" });
    const [first, second] = parked.map(({ record }) => record);
    expect((await act(first, "send_again")).status).toBe(409);
    expect((await act(first, "write_off")).status).toBe(201);

    const { id } = await agreementOf(listing);
    expect((await admin("PATCH", `/v1/agreements/${id}`, { licenseArn })).status).toBe(200);
    expect((await act(second, "roll_over")).status).toBe(201);
    await tick();
    await admin("POST", `/v1/agreements/${id}/end`, {});
    await tick();
    expect(await booked(listing)).toEqual([
      { hour: startOfHour(3), licenseArn: null, quantity: 3 },
      { hour: startOfHour(), licenseArn, quantity: 1 },
    ]);
  });
});

describe("a legacy agreement", () => {
  it("learns its LicenseArn when AWS tells of its licence, which never changes it", async () => {
    const listing = await legacy();
    const { agreementId, licenseArn } = await newUnlicensed(listing);
    expect(await agreementOf(listing)).toMatchObject({ licenseArn: null });
    await notify(agreementId, "license-updated");
    expect(await agreementOf(listing)).toMatchObject({ licenseArn });
    expect((await move(listing, startOfHour(-1))).status).toBe(200);
  });

  it("learns its LicenseArn when the customer comes again", async () => {
    const listing = await legacy();
    const { registrationToken, licenseArn } = await newUnlicensed(listing);
    await arrive(registrationToken);
    expect(await agreementsOf(listing)).toMatchObject([{ licenseArn }]);
  });

  it("is told its LicenseArn by a person, once, and none that another has", async () => {
    const listing = await legacy();
    const { licenseArn } = await newUnlicensed(listing);
    const { id } = await agreementOf(listing);
    const other = await newCustomer(listing);
    const tell = (arn: string) => admin("PATCH", `/v1/agreements/${id}`, { licenseArn: arn });
    expect((await tell("l-1234")).status).toBe(400);
    expect((await tell(other.licenseArn)).status).toBe(409);
    expect(await json(tell(licenseArn))).toMatchObject({ licenseArn });
    expect((await tell(licenseArn)).status).toBe(200);
    expect((await tell(licenseArn.replace(/.$/, "x"))).status).toBe(409);
    expect(await json(admin("GET", `/v1/agreements/${id}`))).toMatchObject({ licenseArn });
  });
});

describe("a customer who comes after the move", () => {
  it("is known by the licence of the agreement made before it", async () => {
    const listing = await legacy();
    const { registrationToken, licenseArn, accountId } = await newCustomer(listing);
    const before = await agreementOf(listing);
    await letMove(listing, startOfHour());
    expect((await arrive(registrationToken)).status).toBe(303);
    expect(await agreementsOf(listing)).toMatchObject([{ id: before.id, licenseArn }]);
    await newCustomer(listing, { accountId });
    const both = await agreementsOf(listing);
    expect(both).toHaveLength(2);
    expect(new Set(both.map((agreement) => agreement.licenseArn)).size).toBe(2);
  });

  it("is known by the account of an agreement made before it that has no LicenseArn, and gives it its own", async () => {
    const listing = await legacy();
    const { registrationToken, licenseArn } = await newUnlicensed(listing);
    const before = await agreementOf(listing);
    await letMove(listing, startOfHour());
    expect((await arrive(registrationToken)).status).toBe(303);
    expect(await agreementsOf(listing)).toMatchObject([{ id: before.id, licenseArn }]);
  });

  it("has an agreement of its own when the one of before, without a LicenseArn, is over", async () => {
    const listing = await legacy();
    const { accountId } = await newUnlicensed(listing);
    await cameAgo(listing.id, 3 * HOUR);
    const before = await agreementOf(listing);
    await admin("POST", `/v1/agreements/${before.id}/end`, { at: ago(2 * HOUR) });
    await letMove(listing, startOfHour());
    const { licenseArn } = await newCustomer(listing, { accountId });
    const agreements = await agreementsOf(listing);
    expect(agreements).toHaveLength(2);
    expect(agreements.find(({ id }) => id === before.id)).toMatchObject({ licenseArn: null });
    expect(agreements.find(({ id }) => id !== before.id)).toMatchObject({ licenseArn });
  });

  it("has one agreement for each licence, however many come at once", async () => {
    const listing = await legacy();
    const first = await newUnlicensed(listing);
    await letMove(listing, startOfHour());
    const { accountId } = first;
    const second = await aws.agreement(listing.id, { accountId });
    const tokens = [first, second, first, second].map(({ registrationToken }) => registrationToken);
    expect((await Promise.all(tokens.map((token) => arrive(token)))).map(({ status }) => status)).toEqual([
      303, 303, 303, 303,
    ]);
    const licenses = (await agreementsOf(listing)).map(({ licenseArn }) => licenseArn);
    expect(licenses).toHaveLength(2);
    expect(new Set(licenses)).toEqual(new Set([first.licenseArn, second.licenseArn]));
  });
});
