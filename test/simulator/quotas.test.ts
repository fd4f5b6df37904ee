import { beforeEach, describe, expect, it } from "vitest";
import { Simulator } from "../../simulator/src/simulator.ts";
import { MemoryStore } from "../../simulator/src/store-memory.ts";
import { aws, control, sellerKey, signed, type CallOptions } from "./client.ts";

/** A simulator whose machine's clock a test moves. */
let simulator: Simulator;
let now: number;

beforeEach(async () => {
  await control("POST", "/reset");
  now = Date.now();
  simulator = new Simulator({
    store: new MemoryStore(),
    seller: { ...sellerKey, accountId: "999999999999" },
    machineNow: () => now,
    newId: () => crypto.randomUUID(),
  });
});

async function call(operation: string, input: object, options?: CallOptions): Promise<string> {
  const { method, url, headers, body } = await signed(operation, input, options);
  const answer = await simulator.handle({
    method,
    url: new URL(url),
    headers,
    body: new Uint8Array(await new Response(body).arrayBuffer()),
  });
  return answer.status === 200 ? "Success" : (JSON.parse(answer.body) as { __type: string }).__type;
}

const meter = (options?: CallOptions): Promise<string> =>
  call("BatchMeterUsage", { UsageRecords: [] }, options);

/** How many calls in a row pass before the first is throttled. */
async function burst(send: () => Promise<string>): Promise<number> {
  for (let passed = 0; passed < 100; passed += 1) {
    if ((await send()) === "ThrottlingException") return passed;
  }
  return Infinity;
}

describe("the quota of BatchMeterUsage", () => {
  it("lets ten calls pass at once, and another each tenth of a second", async () => {
    expect(await burst(meter)).toBe(10);
    now += 99;
    expect(await meter()).toBe("ThrottlingException");
    now += 1;
    expect(await burst(meter)).toBe(1);
    now += 500;
    expect(await burst(meter)).toBe(5);
  });

  it("saves no more than ten calls up", async () => {
    expect(await burst(meter)).toBe(10);
    now += 60_000;
    expect(await burst(meter)).toBe(10);
  });

  it("is never met by one caller who waits a tenth of a second between calls", async () => {
    for (let i = 0; i < 50; i += 1) {
      expect(await meter()).toBe("Success");
      now += 100;
    }
  });

  it("is each Region's own", async () => {
    expect(await burst(meter)).toBe(10);
    expect(await burst(() => meter({ region: "eu-west-1" }))).toBe(10);
  });

  it("goes by the machine's time while the simulated time stands still", async () => {
    simulator.store.put("clock", "", { frozenAt: now });
    expect(await burst(meter)).toBe(10);
    now += 1000;
    expect(await burst(meter)).toBe(10);
  });

  it("is not used up by calls that are refused for their signature or their form", async () => {
    const key = { ...sellerKey, secretAccessKey: "wrong" };
    for (let i = 0; i < 20; i += 1) {
      expect(await meter({ key })).toBe("InvalidSignatureException");
      expect(await call("BatchMeterUsage", {})).toBe("ValidationException");
    }
    expect(await burst(meter)).toBe(10);
  });

  it("is full again after a reset", async () => {
    expect(await burst(meter)).toBe(10);
    simulator.reset();
    expect(await burst(meter)).toBe(10);
  });
});

describe("other quotas", () => {
  it("are ten calls of MeterUsage and five of RegisterUsage a second, each beside the others", async () => {
    const usage = { ProductCode: "unknown", Timestamp: now / 1000, UsageDimension: "requests" };
    expect(await burst(() => call("MeterUsage", usage))).toBe(10);
    expect(await burst(() => call("RegisterUsage", { ProductCode: "unknown", PublicKeyVersion: 1 }))).toBe(5);
    expect(await burst(meter)).toBe(10);
  });

  it("are none for ResolveCustomer, for which AWS documents none", async () => {
    expect(await burst(() => call("ResolveCustomer", { RegistrationToken: "unknown" }))).toBe(Infinity);
  });
});

describe("the running simulator's quotas", () => {
  const many = () =>
    Promise.all(Array.from({ length: 60 }, () => aws("BatchMeterUsage", { UsageRecords: [] })));

  it("throttle with status 400, and what is throttled is in the log", async () => {
    const throttled = (await many()).filter(({ status }) => status !== 200);
    expect(throttled.length).toBeGreaterThan(0);
    for (const { status, body } of throttled) {
      expect({ status, body }).toEqual({
        status: 400,
        body: { __type: "ThrottlingException", message: "Rate exceeded" },
      });
    }
    const { body } = await control<{ calls: { error: string | null }[] }>("GET", "/calls");
    const logged = body.calls.filter(({ error }) => error === "ThrottlingException");
    expect(logged).toHaveLength(throttled.length);
  });

  it("can be switched off", async () => {
    await control("POST", "/switches", { quotas: "off" });
    expect((await many()).filter(({ status }) => status !== 200)).toEqual([]);
  });
});
