import { env } from "cloudflare:workers";
import { beforeEach, describe, expect, it } from "vitest";
import { openLedger } from "../../src/ledger/database.ts";
import { sendMessages } from "../../src/webhooks/send.ts";
import { SECOND } from "./support/times.ts";

const START = 1_800_000_000_000;

/** How a receiver answers, by the ids that it gets and how many it has got before. */
type Answering = (id: string, before: number) => number | Promise<number>;

/** A receiver, and a clock that each post puts on by as much. */
function receiver(answer: Answering = () => 200, pace = 0) {
  const posted: string[] = [];
  let time = START;
  const run = (at = time) => {
    time = at;
    return sendMessages({
      ledger: openLedger(env.DB),
      receiver: { url: "https://seller.test/hook", secret: `whsec_${btoa("a secret of twenty-four b")}` },
      fetch: async (_url, init) => {
        const id = new Headers(init?.headers).get("webhook-id") ?? "";
        posted.push(id);
        time += pace;
        return new Response(null, { status: await answer(id, posted.length - 1) });
      },
      now: () => time,
      random: () => 0,
    });
  };
  return { posted, run };
}

const numberOf = (id: string) => Number(id.split("_")[1]);

/** So many messages of agreements that wait, the first since long ago; of each agreement some. */
const waiting = (count: number, { agreements = count } = {}) =>
  env.DB.prepare(
    `INSERT INTO messages (id, type, agreement_id, payload, created_at, attempts, next_attempt_at)
     WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
     SELECT printf('msg_%06d', n), 'agreement.activated', 'agr_' || (n % ?2), '{}', ?3 - ?1 + n, 0, ?3 - ?1 + n FROM n`,
  )
    .bind(count, agreements, START)
    .run();

const alarm = (id = "msg_alarm") =>
  env.DB.prepare(
    `INSERT INTO messages (id, type, payload, created_at, attempts, next_attempt_at)
     VALUES (?, 'alarm.raised', '{}', ?2, 0, ?2)`,
  )
    .bind(id, START)
    .run();

/** How many messages are as an SQL condition says. */
const count = (condition: string) =>
  env.DB.prepare(`SELECT count(*) AS n FROM messages WHERE ${condition}`).first<number>("n");

beforeEach(async () => {
  await env.DB.exec("DELETE FROM messages");
});

describe("webhook messages that wait", () => {
  it("are overtaken by an alarm, however many they are", async () => {
    await waiting(1000);
    await alarm();
    const { posted, run } = receiver();
    await run();
    expect(posted[0]).toBe("msg_alarm");
    expect(posted).toHaveLength(1001);
  });

  it("are tried again after hours in the end, but an alarm after half an hour at the latest", async () => {
    await waiting(1);
    await alarm();
    await env.DB.exec("UPDATE messages SET attempts = 5");
    const { run } = receiver(() => 400);
    await run();
    const { results } = await env.DB.prepare(
      "SELECT id, next_attempt_at - ? AS delay FROM messages ORDER BY id",
    )
      .bind(START)
      .all();
    expect(results).toEqual([
      { id: "msg_000001", delay: 10 * 3600 * SECOND },
      { id: "msg_alarm", delay: 1800 * SECOND },
    ]);
  });

  it("go on beside alarms, however many those are", async () => {
    await waiting(100);
    for (let n = 0; n < 40; n++) await alarm(`msg_alarm${n}`);
    const { posted, run } = receiver();
    await run();
    expect(posted.slice(0, 50).filter((id) => !id.startsWith("msg_alarm")).length).toBeGreaterThan(20);
  });

  it("are not held up by those among them that are refused, which have delays of their own", async () => {
    await waiting(600);
    const isBad = (id: string) => numberOf(id) % 6 === 5;
    const { posted, run } = receiver((id) => (isBad(id) ? 400 : 200));
    expect(await run()).toBe(500);
    expect(posted).toHaveLength(600);
    expect(await count("delivered_at IS NULL AND attempts = 1 AND error = 'the receiver answered 400'")).toBe(
      100,
    );
    expect(await run(START + 5 * SECOND)).toBe(0);
    expect(posted.slice(600).every(isBad)).toBe(true);
    expect(await run(START + 60 * SECOND)).toBe(0);
    expect(posted).toHaveLength(700);
  });

  it.each([503, 429])("are spared when the receiver answers %d, and keep their place", async (status) => {
    await waiting(200);
    const { posted, run } = receiver((_id, before) => (before < 50 ? 200 : status));
    await run();
    // Five were on their way.
    expect(posted.length).toBeLessThanOrEqual(55);
    const failed = posted.length - 50;
    expect(await count("delivered_at IS NULL AND attempts = 1")).toBe(failed);
    expect(await count("delivered_at IS NULL AND attempts = 0 AND error IS NULL")).toBe(150 - failed);
    const again = receiver();
    expect(await again.run(START + 1)).toBe(150 - failed);
    const order = again.posted.map(numberOf);
    expect(order.slice(0, 30)).toEqual(order.toSorted((a, b) => a - b).slice(0, 30));
  });

  it("are asked after by one post while the receiver is down", async () => {
    await waiting(50);
    const { posted, run } = receiver(() => Promise.reject(new Error("connection refused")));
    expect(await run()).toBe(0);
    expect(posted).toEqual(["msg_000001"]);
  });

  it.each([
    ["alarms", (id: string) => id.startsWith("msg_alarm"), 50],
    ["what agreements tell", (id: string) => !id.startsWith("msg_alarm"), 40],
  ])("go on while the receiver is in trouble with %s only", async (_with, isTrouble, others) => {
    await waiting(50);
    for (let n = 0; n < 40; n++) await alarm(`msg_alarm${n}`);
    const { posted, run } = receiver((id) => (isTrouble(id) ? 500 : 200));
    expect(await run()).toBe(others);
    expect(posted).toHaveLength(others + 1);
  });

  it("are sent for three quarters of a minute, and the rest by the next run", async () => {
    await waiting(100);
    const { posted, run } = receiver(() => 200, SECOND);
    await run();
    expect(posted).toHaveLength(45);
    await run(START + 60 * SECOND);
    await run(START + 120 * SECOND);
    expect(new Set(posted).size).toBe(100);
    expect(posted).toHaveLength(100);
  });

  it("are sent five at a time, those of one agreement one after another", async () => {
    await waiting(60, { agreements: 12 });
    const agreementOf = (id: string) => numberOf(id) % 12;
    const onTheirWay = new Set<string>();
    let most = 0;
    const { posted, run } = receiver(async (id) => {
      expect([...onTheirWay].map(agreementOf)).not.toContain(agreementOf(id));
      onTheirWay.add(id);
      most = Math.max(most, onTheirWay.size);
      await Promise.resolve();
      onTheirWay.delete(id);
      return 200;
    });
    expect(await run()).toBe(60);
    expect(most).toBe(5);
    for (const ofOne of Map.groupBy(posted.map(numberOf), (n) => n % 12).values())
      expect(ofOne).toEqual(ofOne.toSorted((a, b) => a - b));
  });

  it("are sent once by runs that overlap, and again when a person asks while they are on their way", async () => {
    await waiting(100);
    let isAsked = false;
    const { posted, run } = receiver(async (id) => {
      if (id === "msg_000007" && !isAsked) {
        isAsked = true;
        await env.DB.prepare("UPDATE messages SET attempts = 0, next_attempt_at = ? WHERE id = ?")
          .bind(START, id)
          .run();
      }
      return 200;
    });
    await Promise.all([run(), run(), run()]);
    expect(new Set(posted).size).toBe(100);
    expect(posted).toHaveLength(101);
    expect(posted.filter((id) => id === "msg_000007")).toHaveLength(2);
  });
});
