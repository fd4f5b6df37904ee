import { env } from "cloudflare:workers";
import { describe, expect, it } from "vitest";
import { openLedger } from "../../src/ledger/database.ts";
import { shardName } from "../../src/meter/shard-name.ts";
import { decideHeld, findHeld } from "../../src/parked/held-usage.ts";
import { recordsOf, seal, tick, usage } from "./support/delivering.ts";
import { admin, json, type TestProduct } from "./support/gateway.ts";
import { agreementOf } from "./support/registering.ts";
import { aws, newCustomer, newListing } from "./support/marketplace.ts";
import { iso, startOfHour } from "./support/times.ts";

interface Parked {
  record: string;
  reason: string;
  usage: string;
  quantity: number;
  actions: { action: string; advice: string }[];
}

interface Held {
  held: string;
  usage: string;
  hour: string;
  actions: { action: string; advice: string }[];
}

interface Action {
  id: string;
  action: string;
  subject: string;
  usage: string;
  note: string | null;
  doneAt: string | null;
  billedHour: string | null;
}

const thisHour = () => iso(startOfHour());

const parkedOf = async (listing: TestProduct) =>
  (await json<{ parked: Parked[] }>(admin("GET", `/v1/parked?product=${listing.id}`))).parked;
const heldOf = async (listing: TestProduct) =>
  (await json<{ held: Held[] }>(admin("GET", `/v1/held?product=${listing.id}`))).held;
const actionsOf = async (listing: TestProduct) =>
  (await json<{ actions: Action[] }>(admin("GET", `/v1/actions?product=${listing.id}`))).actions;
const act = (body: object) => admin("POST", "/v1/actions", body);
const totals = async (listing: TestProduct) =>
  (await json<{ totals: object }>(admin("GET", `/v1/conservation?product=${listing.id}`))).totals;

/** A listing with one record that is parked for a reason. */
async function parked(reason: string, set = "") {
  const listing = await newListing({ dimensions: [{ name: "api", divisor: 2 }] });
  const { accountId } = await newCustomer(listing);
  await listing.post(usage(accountId, 8));
  await seal(listing.id);
  await env.DB.prepare(
    `UPDATE records SET state = 'parked', reason = ?, settled_at = 1 ${set} WHERE product_id = ?`,
  )
    .bind(reason, listing.id)
    .run();
  const [item] = await parkedOf(listing);
  return { listing, record: item?.record ?? "", item };
}

describe("parked records", () => {
  it.each([
    ["conflict", ["roll_over", "write_off"]],
    ["refused", ["send_again", "roll_over", "write_off"]],
    ["expired", ["roll_over", "write_off"]],
    ["uncertain", ["mark_delivered", "roll_over", "write_off"]],
    ["not_subscribed", ["roll_over", "write_off"]],
  ])("that are %s are listed with the amount at stake and what is safe: %j", async (reason, actions) => {
    const { item } = await parked(reason);
    expect(item).toMatchObject({ reason, quantity: 4, usage: "8" });
    expect(item?.actions.map(({ action }) => action)).toEqual(actions);
  });

  it("are not to be sent again once AWS takes them no more", async () => {
    const { item, record } = await parked("refused", ", deadline = 1");
    expect(item?.actions.map(({ action }) => action)).toEqual(["roll_over", "write_off"]);
    const refused = await act({ record, action: "send_again" });
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({
      detail: expect.stringContaining("roll_over, write_off") as unknown,
    });
  });

  it("are sent again with the very bytes that the preview shows", async () => {
    const { listing, record } = await parked("refused");
    const preview = await json<{ sends: object }>(act({ record, action: "send_again", preview: true }));
    expect(preview).toMatchObject({ preview: true, usage: "8", sends: { Dimension: "api", Quantity: 4 } });
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "parked" }]);

    expect((await act({ record, action: "send_again", note: "dimension was added" })).status).toBe(201);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "delivered" }]);
    expect(await aws.records(listing.id)).toMatchObject([{ quantity: 4 }]);
    expect(await actionsOf(listing)).toMatchObject([
      { action: "send_again", subject: record, usage: "8", note: "dimension was added" },
    ]);
  });

  it("roll over into the open hour", async () => {
    const { listing, record } = await parked("not_subscribed");
    expect(await json(act({ record, action: "roll_over", preview: true }))).toMatchObject({
      joinsHour: thisHour(),
      sends: null,
    });
    await act({ record, action: "roll_over" });
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "rolled_over", rolledInto: thisHour() }]);
    expect(await totals(listing)).toMatchObject({ accepted: "8", open: "8", parked: "0", conserved: true });
  });

  it("cannot roll over once the final hour of their agreement is over, until it is active again", async () => {
    const { listing, record } = await parked("refused", ", deadline = 1");
    const { id } = await agreementOf(listing.id);
    await json(admin("POST", `/v1/agreements/${id}/end`, {}));
    const rolling = { record, action: "roll_over", preview: true };
    expect((await act(rolling)).status).toBe(200);
    await env.DB.prepare("UPDATE agreements SET usage_until = 1 WHERE id = ?").bind(id).run();
    const [item] = await parkedOf(listing);
    expect(item?.actions).toEqual([
      { action: "write_off", advice: expect.stringContaining("has ended") as unknown },
    ]);
    const refused = await act(rolling);
    expect(refused.status).toBe(409);
    expect(await refused.json()).toMatchObject({ detail: "roll_over is not offered here; write_off is." });
    await json(admin("POST", `/v1/agreements/${id}/activate`, {}));
    expect((await act(rolling)).status).toBe(200);
  });

  it("roll over from uncertain only when a person says that AWS does not have them", async () => {
    const { listing, record } = await parked("uncertain");
    const refused = await act({ record, action: "roll_over" });
    expect(refused.status).toBe(400);
    expect(await refused.json()).toMatchObject({ errors: [{ pointer: "#/notHeldByAws" }] });
    expect((await act({ record, action: "roll_over", notHeldByAws: true })).status).toBe(201);
    await tick();
    expect(await recordsOf(listing.id)).toMatchObject([{ state: "rolled_over" }]);
  });

  it("are written off, or marked as delivered, with a note", async () => {
    const first = await parked("expired");
    const missing = await act({ record: first.record, action: "write_off" });
    expect(missing.status).toBe(400);
    expect(await missing.json()).toMatchObject({ errors: [{ pointer: "#/note" }] });
    await act({ record: first.record, action: "write_off", note: "a gift" });
    expect(await totals(first.listing)).toMatchObject({
      accepted: "8",
      writtenOff: "8",
      parked: "0",
      conserved: true,
    });
    const second = await parked("uncertain");
    await act({ record: second.record, action: "mark_delivered", note: "in AWS's report" });
    expect(await totals(second.listing)).toMatchObject({ delivered: "8", parked: "0", conserved: true });
  });

  it("answer the same decision again with the first, and refuse another", async () => {
    const { listing, record } = await parked("expired");
    const first = await act({ record, action: "write_off", note: "a gift" });
    const again = await act({ record, action: "write_off", note: "a gift" });
    expect([first.status, again.status]).toEqual([201, 200]);
    expect(await again.json()).toEqual(await first.json());
    const other = await act({ record, action: "roll_over" });
    expect(other.status).toBe(409);
    expect(await other.json()).toMatchObject({
      detail: expect.stringContaining("write_off was decided") as unknown,
    });
    expect(await actionsOf(listing)).toHaveLength(1);
  });

  it("that do not exist are not found", async () => {
    expect((await act({ record: "nothing", action: "roll_over" })).status).toBe(404);
    expect((await act({ held: "nothing", action: "release" })).status).toBe(404);
    expect((await act({ record: "nothing", action: "release" })).status).toBe(400);
  });
});

describe("held usage", () => {
  /** A listing with late usage of 3 that is held, for an hour whose record of 2 is delivered. */
  async function held() {
    const listing = await newListing({ dimensions: [{ name: "api", late: "hold" }] });
    const { accountId } = await newCustomer(listing);
    await listing.post(usage(accountId, 2));
    await seal(listing.id);
    await listing.post(usage(accountId, 3));
    const [item] = await heldOf(listing);
    return { listing, accountId, id: item?.held ?? "", item };
  }

  it("is released into the open hour, once", async () => {
    const { listing, id, item } = await held();
    expect(item).toMatchObject({ usage: "3" });
    expect(await json(act({ held: id, action: "release", preview: true }))).toMatchObject({
      usage: "3",
      joinsHour: thisHour(),
    });
    const first = await act({ held: id, action: "release" });
    expect(first.status).toBe(201);
    expect(await first.json()).toMatchObject({
      usage: "3",
      billedHour: thisHour(),
      doneAt: expect.anything() as unknown,
    });
    const again = await act({ held: id, action: "release" });
    expect(again.status).toBe(200);
    expect(await heldOf(listing)).toEqual([]);
    expect(await totals(listing)).toMatchObject({ accepted: "5", open: "3", held: "0", conserved: true });
    expect(await actionsOf(listing)).toHaveLength(1);
  });

  it("cannot be released once the final hour of its agreement is over", async () => {
    const { listing, id } = await held();
    const { id: agreement } = await agreementOf(listing.id);
    await json(admin("POST", `/v1/agreements/${agreement}/end`, {}));
    await env.DB.prepare("UPDATE agreements SET usage_until = 1 WHERE id = ?").bind(agreement).run();
    expect(await heldOf(listing)).toMatchObject([{ held: id, actions: [{ action: "write_off" }] }]);
    expect((await act({ held: id, action: "release" })).status).toBe(409);
    expect((await act({ held: id, action: "write_off", note: "too late" })).status).toBe(201);
    expect(await totals(listing)).toMatchObject({ writtenOff: "3", held: "0", conserved: true });
  });

  it("that comes after a release waits anew, whatever is repeated", async () => {
    const { listing, accountId, id } = await held();
    await act({ held: id, action: "release" });
    await listing.post(usage(accountId, 3));
    await act({ held: id, action: "release" });
    expect(await heldOf(listing)).toMatchObject([{ usage: "3" }]);
    expect(await totals(listing)).toMatchObject({ open: "3", held: "3", conserved: true });
  });

  it("is written off with a note, and taking one of its events back gives no credit", async () => {
    const { listing, accountId, id } = await held();
    const event = usage(accountId, 1);
    await listing.post(event);
    expect((await act({ held: id, action: "write_off" })).status).toBe(400);
    await act({ held: id, action: "write_off", note: "too late" });
    expect(await totals(listing)).toMatchObject({
      accepted: "6",
      writtenOff: "4",
      held: "0",
      conserved: true,
    });
    await listing.post({ id: crypto.randomUUID(), customer: accountId, voids: event.id });
    expect(await totals(listing)).toMatchObject({
      accepted: "5",
      writtenOff: "3",
      carry: "0",
      conserved: true,
    });
  });

  it("is decided about by the next tick when the gateway dies between writing down and doing", async () => {
    const { listing, id } = await held();
    const ledger = openLedger(env.DB);
    const shard = env.METER_SHARD.getByName(shardName(listing.id, 0));
    const dying = () => ({
      held: (agreements: readonly string[]) => shard.held(agreements),
      decide: async (...decisions: Parameters<typeof shard.decide>) => {
        await shard.decide(...decisions);
        throw new Error("the power fails here");
      },
    });
    const found = await findHeld(ledger, dying, id);
    const decision = { id: crypto.randomUUID(), heldId: id, kind: "release", note: null, now: 1 } as const;
    if (found === null) throw new Error("nothing is held");
    await expect(decideHeld(ledger, dying, found, decision)).rejects.toThrow("the power fails here");
    expect(await actionsOf(listing)).toMatchObject([{ doneAt: null }]);
    await tick();
    expect(await actionsOf(listing)).toMatchObject([
      { doneAt: expect.anything() as unknown, billedHour: thisHour() },
    ]);
    expect(await totals(listing)).toMatchObject({ accepted: "5", open: "3", held: "0", conserved: true });
  });
});
