import { runDurableObjectAlarm, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { PartName } from "../../src/customers/tick-parts.ts";
import { withoutTables, withTrigger } from "./support/breaking.ts";
import { calls, includedPer, newContractListing } from "./support/contracts.ts";
import { tick } from "./support/delivering.ts";
import { newProduct } from "./support/gateway.ts";
import { aws, newArrival } from "./support/marketplace.ts";
import { listenToLogs } from "./support/registering.ts";

/** What goes on by alarms; it may be at work while a test looks. */
const soon = { timeout: 20_000 };

const keeperOf = (part: PartName) => env.CUSTOMER_KEEPER.getByName(part);

const alarmOf = (part: PartName) =>
  runInDurableObject(keeperOf(part), (_keeper, { storage }) => storage.getAlarm());

/** Agreements of a product whose ids begin so, each with a notice that they have not become what it says. */
async function behind(count: number, prefix: string): Promise<void> {
  const { id } = await newProduct();
  const numbers = "WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?2)";
  await env.DB.batch([
    env.DB.prepare(
      `INSERT INTO agreements (id, product_id, account_id, shard, registered_at)
       ${numbers} SELECT ?3 || printf('%04d', n), ?1, ?3 || n, 0, 1 FROM n`,
    ).bind(id, count, prefix),
    env.DB.prepare(
      `INSERT INTO notices (id, source, kind, occurred_at, received_at, facts, agreement_id)
       ${numbers} SELECT ?1 || n, 'operator', 'activated', 1, 1, '{}', ?3 || printf('%04d', n) FROM n`,
    ).bind(id, count, prefix),
  ]);
}

/** How many agreements, of those whose ids begin so, have become active. */
const active = async (prefix: string) =>
  env.DB.prepare("SELECT count(*) AS n FROM agreements WHERE id GLOB ? AND activated_at IS NOT NULL")
    .bind(`${prefix}*`)
    .first<number>("n");

let logged: string[] = [];
beforeEach(() => {
  logged = listenToLogs();
});
afterEach(() => {
  vi.restoreAllMocks();
});

describe("more customers than one invocation may look after", () => {
  it("are looked after one slice after another, without another tick", async () => {
    await behind(120, "agr_many");
    await tick();
    expect(await active("agr_many")).toBeGreaterThan(0);
    await expect.poll(() => active("agr_many"), soon).toBe(120);
    await expect.poll(() => alarmOf("notices"), soon).toBeNull();
  });

  it("are no matter of those who come before them and fail, whom the next tick tries again", async () => {
    await behind(60, "agr_bad");
    await behind(5, "agr_good");
    const noLife =
      "BEFORE UPDATE OF activated_at ON agreements WHEN OLD.id GLOB 'agr_bad*' BEGIN SELECT RAISE(ABORT, 'died'); END";
    await withTrigger(noLife, async () => {
      await expect(tick()).rejects.toThrow("died");
      await expect.poll(() => active("agr_good"), soon).toBe(5);
      await expect.poll(() => alarmOf("notices"), soon).toBeNull();
    });
    // Each slice has met its own once: what fails is not tried again at once.
    expect(logged.filter((line) => line.includes('"part":"notices"'))).toEqual([
      expect.stringContaining("50 have failed") as unknown,
      expect.stringContaining("10 have failed") as unknown,
    ]);
    // What has failed since the last tick is still to be seen.
    await expect(tick()).rejects.toThrow("died");
    await expect.poll(() => active("agr_bad"), soon).toBe(60);
  });

  it("are the next tick's when they are more than a tick may begin, whatever says that they are so many", async () => {
    const listing = await newContractListing();
    await newArrival(listing, { entitlements: calls(3) });
    await tick();
    await env.DB.exec("CREATE TABLE told (n INTEGER)");
    await env.DB.prepare(
      `INSERT INTO agreements (id, product_id, shard, registered_at)
       WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < 600) SELECT 'agr_told' || n, ?, 0, 1 FROM n`,
    )
      .bind(listing.id)
      .run();
    await env.DB.exec(
      "INSERT INTO allowances (agreement_id, dimension) SELECT id, 'api' FROM agreements WHERE id GLOB 'agr_told*'",
    );
    const told = () => env.DB.prepare("SELECT count(*) AS n FROM told").first<number>("n");
    // Those who are told are untold at once: there is always more.
    const untold =
      "AFTER UPDATE OF told_at ON allowances BEGIN INSERT INTO told VALUES (1); UPDATE allowances SET told_at = NULL WHERE agreement_id = NEW.agreement_id; END";
    await withTrigger(untold, async () => {
      await tick();
      await expect.poll(told, soon).toBe(30 * 500);
      expect(await runDurableObjectAlarm(keeperOf("allowances"))).toBe(false);
      expect(await told()).toBe(30 * 500);
    });
    await env.DB.exec("DROP TABLE told");
    await env.DB.exec("DELETE FROM allowances WHERE agreement_id GLOB 'agr_told*'");
  });
});

describe("ticks that overlap", () => {
  it("meet, and do one work together", async () => {
    const listing = await newContractListing(includedPer("month"));
    await newArrival(listing, { entitlements: calls(3) });
    const asked = await aws.callsDuring(() => Promise.all([tick(), tick(), tick()]));
    expect(asked.filter(({ operation }) => operation === "GetEntitlements")).toHaveLength(1);
  });
});

describe("a part that fails as a whole", () => {
  it("fails the tick, keeps no other from its work, and waits for the next one", async () => {
    await behind(1, "agr_other");
    await withoutTables(["registration_codes"], () =>
      expect(tick()).rejects.toThrow("no such table: registration_codes"),
    );
    expect(await alarmOf("leftovers")).toBeNull();
    expect(await active("agr_other")).toBe(1);
    await tick();
  });
});
