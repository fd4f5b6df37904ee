import { runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { shardName } from "../../../src/meter/shard-name.ts";

/** What is broken while something is done; it is whole again after that, also when the test fails meanwhile. */

/**
 * Does something while the ledger has a trigger.
 *
 * @param sql what follows its name, from when it fires on
 */
export async function withTrigger<T>(sql: string, work: () => Promise<T>): Promise<T> {
  await env.DB.exec(`CREATE TRIGGER of_a_test ${sql}`);
  try {
    return await work();
  } finally {
    await env.DB.exec("DROP TRIGGER of_a_test");
  }
}

/** {@link withTrigger}, of a product's only shard. */
export async function withShardTrigger<T>(product: string, sql: string, work: () => Promise<T>): Promise<T> {
  const run = (statement: string) =>
    // By its name each time: an object that has started over is not reached by what reached it before.
    runInDurableObject(env.METER_SHARD.getByName(shardName(product, 0)), (_shard, { storage }) => {
      storage.sql.exec(statement);
    });
  await run(`CREATE TRIGGER of_a_test ${sql}`);
  try {
    return await work();
  } finally {
    await run("DROP TRIGGER of_a_test");
  }
}

/** Does something while the ledger lacks tables. */
export async function withoutTables<T>(tables: readonly string[], work: () => Promise<T>): Promise<T> {
  const rename = (from: string, to: string) =>
    env.DB.batch(
      tables.map((table) => env.DB.prepare(`ALTER TABLE ${table}${from} RENAME TO ${table}${to}`)),
    );
  await rename("", "_away");
  try {
    return await work();
  } finally {
    await rename("_away", "");
  }
}
