import { drizzle } from "drizzle-orm/d1";
import { env } from "cloudflare:workers";
import type { Ledger } from "../../../src/ledger/database.ts";
import * as schema from "../../../src/ledger/schema.ts";

/** A ledger where something else happens just before the first statement with a text is run. */
export function racingLedger(text: string, happen: () => Promise<unknown>): Ledger {
  let isOver = false;
  const race = async () => {
    if (isOver) return;
    isOver = true;
    await happen();
  };
  const racing = (statement: D1PreparedStatement): D1PreparedStatement =>
    new Proxy(statement, {
      get: (target, key) => {
        const member: unknown = Reflect.get(target, key);
        if (typeof member !== "function") return member;
        const act = (...values: unknown[]): unknown => Reflect.apply(member, target, values);
        if (key === "bind") return (...values: unknown[]) => racing(act(...values) as D1PreparedStatement);
        return (...values: unknown[]) => race().then(() => act(...values));
      },
    });
  const database = new Proxy(env.DB, {
    get: (target, key) => {
      const member: unknown = Reflect.get(target, key);
      if (typeof member !== "function") return member;
      return (...values: unknown[]) => {
        const result: unknown = Reflect.apply(member, target, values);
        const isMoment = key === "prepare" && String(values[0]).includes(text);
        return isMoment ? racing(result as D1PreparedStatement) : result;
      };
    },
  });
  return drizzle(database, { schema });
}
