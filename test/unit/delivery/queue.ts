import { createProduct } from "../../../src/catalog/products.ts";
import { registerAgreement } from "../../../src/customers/register-agreement.ts";
import { type Agreement } from "../../../src/ledger/agreements.ts";
import { Pacer } from "../../../src/delivery/pacer.ts";
import { noteTick, runDelivery, type RunEnd } from "../../../src/delivery/run.ts";
import type { TakeBack } from "../../../src/delivery/rolling.ts";
import { countQueries, QUERIES_ALLOWED } from "../../../src/ledger/counted-ledger.ts";
import { openLedger } from "../../../src/ledger/database.ts";
import { storeSealedHours } from "../../../src/ledger/sealed-hours.ts";
import type {
  BatchMeterUsageRequest,
  BatchMeterUsageResponse,
  ErrorKind,
  MarketplaceClient,
  MarketplaceError,
  Outcome,
} from "../../../src/marketplace/index.ts";
import { errorKinds } from "../../../src/marketplace/index.ts";
import { HOUR } from "../../../src/meter/hours.ts";
import { shardName } from "../../../src/meter/shard-name.ts";
import { NO_HAZARDS, Process } from "../../simulation/process.ts";
import { Random } from "../../simulation/random.ts";
import { SqliteD1 } from "../../simulation/sqlite-d1.ts";
import { migrate } from "../../simulation/migrate.ts";
import { VirtualTime } from "./virtual-time.ts";

export const REGION = "us-east-1";
/** Mid-month, mid-hour. */
export const START = Date.UTC(2027, 4, 14, 10, 30);

export type Answer = Outcome<BatchMeterUsageResponse>;

/** What AWS is asked, and when. */
export interface AskedCall {
  readonly at: number;
  readonly request: BatchMeterUsageRequest;
}

/** AWS takes everything. */
export const success = ({ UsageRecords }: BatchMeterUsageRequest): Answer => ({
  ok: true,
  requestId: "r",
  value: {
    Results: UsageRecords.map((record) => ({ UsageRecord: record, Status: "Success" })),
    UnprocessedRecords: [],
  },
});

/** AWS fails the call in one of the ways that the client knows. */
export function failing(kind: Exclude<ErrorKind, "invalid-request">): Answer {
  const { advice, held } = errorKinds[kind];
  const facts = { advice, held, code: kind, message: kind, requestId: null, httpStatus: 400 };
  return { ok: false, error: { kind, ...facts } as MarketplaceError };
}

/** A statement of the test's D1, as its batches know it, too. */
interface Statement {
  bind(...values: unknown[]): Statement;
  all(): unknown;
  run(): unknown;
  raw(): unknown;
}

/** A queue of records that wait for AWS, with the submitter before it, by a clock of its own. */
export class Queue {
  readonly database = new SqliteD1();
  readonly time = new VirtualTime(START);
  readonly calls: AskedCall[] = [];
  readonly #process = new Process(new Random(1), NO_HAZARDS, () => undefined);
  readonly ledger = openLedger(this.database.as(this.#process));
  /** How long AWS takes to answer, in milliseconds. */
  latency = 300;
  /** What AWS answers. */
  answer: (request: BatchMeterUsageRequest, call: number) => Answer | Promise<Answer> = success;
  /** How shards take records back. */
  takeBack: TakeBack = (_shard, records) => Promise.resolve(records.map(() => 0));
  /** How many statements each invocation has run. */
  readonly invocations: number[] = [];
  #sealing = 0;
  readonly #pacer = new Pacer(this.time);

  constructor() {
    migrate(this.database);
  }

  /** A product with some agreements. */
  async product(
    id: string,
    agreements: number,
    dimensions: readonly string[] = ["api"],
  ): Promise<Agreement[]> {
    const dimension = { aggregation: "sum", divisor: 1, uniqueTag: null, late: "carry_forward" } as const;
    const product = {
      id,
      name: id,
      productCode: id,
      region: REGION,
      concurrentAgreements: true,
      signUpUrl: "https://seller.example",
      settleSeconds: 0,
      lateSettleSeconds: 0,
      dedupeDays: 35,
      zeroHeartbeat: false,
      shards: 1,
      dimensions: dimensions.map((name) => ({ name, ...dimension })),
      concurrentAgreementsFrom: null,
      contract: false,
    };
    await createProduct(this.ledger, product, START);
    const customers: Agreement[] = [];
    for (let n = 0; n < agreements; n++) {
      const accountId = String(100_000_000_000 + n);
      const licenseArn = `arn:aws:license-manager::${accountId}:license:l-${id}${n}`;
      const customer = {
        product,
        accountId,
        licenseArn,
        customerIdentifier: null,
        fields: {},
        arrivedAt: START,
      };
      const agreement = await registerAgreement(this.ledger, { ...customer, now: START });
      if (agreement === null) throw new Error("an agreement of a test was refused");
      customers.push(agreement);
    }
    return customers;
  }

  /** Records for an hour that ended so many hours ago, one for each agreement and dimension. */
  async seal(
    productId: string,
    customers: readonly Agreement[],
    options: { dimensions?: readonly string[]; age?: number } = {},
  ) {
    const { dimensions = ["api"], age = 1 } = options;
    const hour = Math.floor(this.time.now() / HOUR) * HOUR - age * HOUR;
    const hours = customers.flatMap(({ id: agreement }) =>
      dimensions.map((dimension) => ({
        agreement,
        dimension,
        hour,
        timestamp: hour,
        quantity: 1,
        divisor: 1,
        allocations: null,
        late: [],
        deadline: hour + 24 * HOUR,
      })),
    );
    for (let from = 0; from < hours.length; from += 500) {
      await storeSealedHours(this.ledger, {
        shard: shardName(productId, 0),
        productId,
        sealing: (this.#sealing += 1),
        hours: hours.slice(from, from + 500),
        now: this.time.now(),
      });
    }
  }

  readonly client = {
    batchMeterUsage: async (request: BatchMeterUsageRequest) => {
      this.calls.push({ at: this.time.now(), request });
      const call = this.calls.length - 1;
      await this.time.wait(this.latency);
      return this.answer(request, call);
    },
  } as MarketplaceClient;

  /** D1 as one invocation has it: statements of a batch count one by one. */
  #invocation(): D1Database {
    const d1 = this.database.as(this.#process);
    const index = this.invocations.push(0) - 1;
    const take = (count: number): void => {
      const taken = (this.invocations[index] ?? 0) + count;
      this.invocations[index] = taken;
      if (taken > QUERIES_ALLOWED) throw new Error("Too many API requests by single worker invocation.");
    };
    const limited = (statement: Statement): Statement => ({
      ...statement,
      bind: (...values) => limited(statement.bind(...values)),
      all: () => (take(1), statement.all()),
      run: () => (take(1), statement.run()),
      raw: () => (take(1), statement.raw()),
    });
    return {
      prepare: (sql: string) => limited(d1.prepare(sql)),
      batch: (statements: D1PreparedStatement[]) => (take(statements.length), d1.batch(statements)),
    } as unknown as D1Database;
  }

  /** What one run of the submitter is given, which is an invocation. */
  get submission() {
    let ids = 0;
    const run = this.#sealing * 1000 + this.calls.length;
    return {
      now: this.time.now,
      wait: this.time.wait,
      ...countQueries(this.#invocation()),
      client: this.client,
      region: REGION,
      random: () => 0.5,
      newId: () => `att_${run}_${(ids += 1)}_${this.time.now()}`,
      pacer: this.#pacer,
      takeBack: this.takeBack,
    };
  }

  /** One run of the submitter, to its end. */
  run(): Promise<RunEnd> {
    return this.time.run(runDelivery(this.submission));
  }

  /** A tick, and the runs that follow it at once; what the last one says. */
  async tick(): Promise<RunEnd> {
    const first = this.submission;
    await noteTick(first.ledger, REGION, this.time.now());
    let end = await this.time.run(runDelivery(first));
    while (end.next === "at_once") end = await this.run();
    return end;
  }

  /** How many records are in each state. */
  states(productId?: string): Record<string, number> {
    const rows = this.database.query<{ state: string; count: number }>(
      "SELECT state, count(*) AS count FROM records WHERE product_id = coalesce(?, product_id) GROUP BY state",
      productId ?? null,
    );
    return Object.fromEntries(rows.map(({ state, count }) => [state, count]));
  }
}
