import { openLedger, type Ledger } from "./database.ts";

/** D1 allows an invocation of a Worker or an object so many queries (Cloudflare docs, D1 limits). */
export const QUERIES_ALLOWED = 1000;

/** The ledger as one invocation has it. */
export interface CountedLedger {
  readonly ledger: Ledger;
  /** Queries that the invocation may still make. */
  readonly queriesLeft: () => number;
}

/**
 * Counts what one invocation asks of D1 where it is asked, so that no query can be forgotten. Cloudflare does not say
 * whether a batch is one query, so each of its statements counts.
 *
 * @param database the Worker's D1 binding
 */
export function countQueries(database: D1Database, allowed = QUERIES_ALLOWED): CountedLedger {
  let left = allowed;
  const originals = new WeakMap<D1PreparedStatement, D1PreparedStatement>();
  const counted = (statement: D1PreparedStatement): D1PreparedStatement => {
    const proxy = intercept(statement, (name, call) => {
      if (name === "bind") return counted(call() as D1PreparedStatement);
      left -= 1;
      return call();
    });
    originals.set(proxy, statement);
    return proxy;
  };
  const proxy = intercept(database, (name, call, parameters) => {
    if (name === "prepare") return counted(call() as D1PreparedStatement);
    if (name !== "batch") {
      left -= 1;
      return call();
    }
    const [statements] = parameters as Parameters<D1Database["batch"]>;
    left -= statements.length;
    // D1 looks into the statements that it is given.
    return database.batch(statements.map((statement) => originals.get(statement) ?? statement));
  });
  return { ledger: openLedger(proxy), queriesLeft: () => left };
}

/** An object each call of whose methods goes through a function. */
function intercept<T extends object>(
  target: T,
  through: (name: string | symbol, call: () => unknown, parameters: readonly unknown[]) => unknown,
): T {
  return new Proxy(target, {
    get: (_target, name) => {
      const value: unknown = Reflect.get(target, name, target);
      if (typeof value !== "function") return value;
      return (...parameters: unknown[]) =>
        through(name, () => Reflect.apply(value, target, parameters) as unknown, parameters);
    },
  });
}
