import { beforeEach, describe, expect, it } from "vitest";
import { control, origin, send } from "./client.ts";
import {
  books,
  meter,
  newAgreement,
  newCustomer,
  newProduct,
  startOver,
  statuses,
  tenOClock,
  usage,
} from "./world.ts";

beforeEach(startOver);

interface Refusal {
  readonly error: string;
  readonly field: string | null;
}

const refused = (field: string | null) => ({
  status: 400,
  body: { error: expect.stringMatching(/.+/) as string, field },
});

describe("products", () => {
  it("are created, shown, and changed by posting them again", async () => {
    const product = { productCode: "p1", dimensions: ["requests"] };
    const created = await control("POST", "/products", product);
    expect(created.status).toBe(201);
    expect(created.body).toEqual({
      ...product,
      concurrentAgreements: true,
      sellerAccountId: "999999999999",
      regions: null,
    });
    const changed = await control("POST", "/products", { ...product, dimensions: ["requests", "seats"] });
    expect(changed.status).toBe(200);
    expect((await control("GET", "/products")).body).toEqual({ products: [changed.body] });
  });

  it.each([
    [{}, "productCode"],
    [{ productCode: "", dimensions: ["d"] }, "productCode"],
    [{ productCode: "with space", dimensions: ["d"] }, "productCode"],
    [{ productCode: "p", dimensions: [] }, "dimensions"],
    [{ productCode: "p", dimensions: [""] }, "dimensions[0]"],
    [{ productCode: "p", dimensions: "requests" }, "dimensions"],
    [{ productCode: "p", dimensions: ["d"], concurrentAgreements: "yes" }, "concurrentAgreements"],
    [{ productCode: "p", dimensions: ["d"], sellerAccountId: "123" }, "sellerAccountId"],
    [{ productCode: "p", dimensions: ["d"], colour: "red" }, "colour"],
    [[], null],
    ["{", null],
  ])("are refused as %j, and nothing is added", async (body, field) => {
    expect(await control<Refusal>("POST", "/products", body)).toMatchObject(refused(field));
    expect((await control("GET", "/products")).body).toEqual({ products: [] });
  });
});

describe("agreements", () => {
  it("have all by which AWS knows a customer, and began 30 days ago unless told otherwise", async () => {
    const customer = await newCustomer();
    expect(customer).toMatchObject({
      accountId: expect.stringMatching(/^\d{12}$/) as string,
      licenseArn: expect.stringMatching(/^arn:aws:license-manager::\d{12}:license:l-[0-9a-f]{32}$/) as string,
      customerIdentifier: "",
      registrationToken: expect.stringMatching(/.{60,}/) as string,
      startsAt: new Date((tenOClock - 30 * 86_400) * 1000).toISOString(),
      live: true,
    });
    expect((await control("GET", `/agreements/${customer.agreementId}`)).body).toMatchObject({
      agreementId: customer.agreementId,
      endedAt: null,
      deprovisionedAt: null,
    });
  });

  it("are listed of all products, of one, and of one account", async () => {
    const product = await newProduct();
    const accountId = "123412341234";
    const mine = [
      await newAgreement(product, { accountId }),
      await newAgreement(product, { accountId }),
      await newAgreement(product),
    ].map(({ agreementId }) => agreementId);
    const other = await newAgreement(await newProduct());
    const ids = async (query: string): Promise<readonly string[]> => {
      const { body } = await control<{ agreements: { agreementId: string }[] }>("GET", `/agreements${query}`);
      return body.agreements.map(({ agreementId }) => agreementId);
    };
    expect(new Set(await ids(""))).toEqual(new Set([...mine, other.agreementId]));
    expect(new Set(await ids(`?productCode=${product}`))).toEqual(new Set(mine));
    expect(new Set(await ids(`?productCode=${product}&accountId=${accountId}`))).toEqual(
      new Set(mine.slice(0, 2)),
    );
    expect(new Set(await ids(`?accountId=${accountId}`))).toEqual(new Set(mine.slice(0, 2)));
  });

  it("come page by page, each agreement once", async () => {
    const [product, other] = [await newProduct(), await newProduct()];
    const accountId = "123412341234";
    const accounts = [accountId, "999912341234", accountId, "000012341234", accountId];
    const all: string[] = [];
    for (const account of accounts) {
      all.push((await newAgreement(product, { accountId: account })).agreementId);
      all.push((await newAgreement(other, { accountId: account })).agreementId);
    }
    const pages = async (query: string): Promise<string[]> => {
      const seen: string[] = [];
      for (let next: string | null = ""; next !== null;) {
        const after: string = next === "" ? "" : `&after=${next}`;
        const { body } = await control<{ agreements: { agreementId: string }[]; next: string | null }>(
          "GET",
          `/agreements?limit=2${query}${after}`,
        );
        expect(body.agreements.length).toBeLessThanOrEqual(2);
        seen.push(...body.agreements.map(({ agreementId }) => agreementId));
        next = body.next;
      }
      expect(new Set(seen).size).toBe(seen.length);
      return seen.toSorted();
    };
    const every = (step: number, from: number) => all.filter((_, n) => n % step === from).toSorted();
    expect(await pages("")).toEqual(all.toSorted());
    expect(await pages(`&productCode=${product}`)).toEqual(every(2, 0));
    expect(await pages(`&accountId=${accountId}`)).toEqual(
      all.filter((_, n) => accounts[Math.floor(n / 2)] === accountId).toSorted(),
    );
    expect(await pages(`&productCode=${other}&accountId=${accountId}`)).toHaveLength(3);
  });

  it("have no page after one that does not exist", async () => {
    expect(await control<Refusal>("GET", "/agreements?after=agmt-none")).toMatchObject(refused("after"));
  });

  it.each([
    [{}, "productCode"],
    [{ productCode: "unknown" }, "productCode"],
    [{ productCode: "known", accountId: "12345" }, "accountId"],
    [{ productCode: "known", status: "cancelled" }, "status"],
    [{ productCode: "known", startsAt: "yesterday" }, "startsAt"],
    [{ productCode: "known", entitlements: [{ dimension: "" }] }, "entitlements[0].dimension"],
    [{ productCode: "known", licenseArn: "mine" }, "licenseArn"],
  ])("are refused as %j, and nothing is added", async (body, field) => {
    await newProduct({ productCode: "known" });
    expect(await control<Refusal>("POST", "/agreements", body)).toMatchObject(refused(field));
    expect((await control("GET", "/agreements")).body).toEqual({ agreements: [], next: null });
  });

  it.each([
    ["GET", ""],
    ["PATCH", ""],
    ["POST", "/end"],
    ["POST", "/deprovision"],
    ["POST", "/tokens"],
  ])("that do not exist are not found: %s %s", async (method, path) => {
    const body = method === "GET" ? undefined : {};
    expect(await control(method, `/agreements/agmt-none${path}`, body)).toMatchObject({
      status: 404,
      body: { error: expect.stringContaining("agmt-none") as string },
    });
  });

  it("stay as they are when a change is refused", async () => {
    const { agreementId } = await newCustomer();
    const path = `/agreements/${agreementId}`;
    const before = (await control("GET", path)).body;
    expect((await control("PATCH", path, { status: "suspended", startsAt: "soon" })).status).toBe(400);
    expect((await control("PATCH", path, { accountId: "123412341234" })).status).toBe(400);
    expect((await control("POST", `${path}/end`, { at: "later" })).status).toBe(400);
    expect((await control("GET", path)).body).toEqual(before);
  });
});

describe("the books", () => {
  it("are filtered by each of a record's names", async () => {
    const customer = await newCustomer();
    const other = await newAgreement(customer.productCode);
    await meter([usage(customer), usage(customer, { Dimension: "storage" }), usage(other)]);
    await meter([usage(customer)], { region: "eu-west-1" });
    expect(await books()).toHaveLength(4);
    expect(await books("?region=eu-west-1")).toHaveLength(1);
    expect(await books("?dimension=storage")).toHaveLength(1);
    expect(await books(`?licenseArn=${other.licenseArn}`)).toHaveLength(1);
    expect(await books(`?accountId=${customer.accountId}&region=us-east-1`)).toHaveLength(2);
    expect(await books(`?productCode=${customer.productCode}`)).toHaveLength(4);
    expect(await books("?productCode=unknown")).toEqual([]);
  });

  it("give the newest, and then what has come since", async () => {
    const customer = await newCustomer();
    const at = (hours: number) => usage(customer, { Timestamp: tenOClock - hours * 3600, Quantity: hours });
    await meter([at(3), at(2), at(1)]);
    const page = async (query: string) => {
      const { body } = await control<{ records: { quantity: number }[]; next: number | null }>(
        "GET",
        `/records${query}`,
      );
      return { quantities: body.records.map(({ quantity }) => quantity), next: body.next };
    };
    const newest = await page("?limit=2");
    expect(newest.quantities).toEqual([2, 1]);
    expect(await page(`?after=${newest.next}`)).toEqual({ quantities: [], next: null });
    await meter([at(5)]);
    expect((await page(`?after=${newest.next}`)).quantities).toEqual([5]);
    expect((await page("?after=0&limit=3")).quantities).toEqual([3, 2, 1]);
  });

  it.each(["?limit=0", "?limit=all", "?after=-1", "?colour=red", "?region="])(
    "refuse the query %s",
    async (query) => {
      expect((await control("GET", `/records${query}`)).status).toBe(400);
    },
  );

  it("log each call with what it was and what it came to", async () => {
    const customer = await newCustomer();
    const answer = await meter([usage(customer), usage(customer, { Dimension: "storage" })]);
    const { body } = await control("GET", "/calls");
    expect(body).toEqual({
      calls: [
        {
          operation: "BatchMeterUsage",
          time: "2026-11-23T10:00:00.000Z",
          status: 200,
          error: null,
          records: 2,
          requestId: answer.headers.get("x-amzn-requestid"),
          region: "us-east-1",
          accessKeyId: "AKIDSIMULATOR0000000",
        },
      ],
      next: expect.any(Number) as number,
    });
  });
});

describe("the clock", () => {
  it("is the machine's, goes ahead or behind by an offset, and stands still", async () => {
    expect((await control("GET", "/clock")).body).toMatchObject({ offsetSeconds: 0, frozen: false });
    const ahead = await control<{ now: string }>("POST", "/clock", { offsetSeconds: 86_400 });
    expect(Date.parse(ahead.body.now) - Date.now()).toBeGreaterThan(86_000_000);
    const still = await control("POST", "/clock", { frozenAt: "2030-01-01T00:00:00Z" });
    expect(still.body).toMatchObject({ now: "2030-01-01T00:00:00.000Z", frozen: true });
    expect((await control("GET", "/clock")).body).toMatchObject({ now: "2030-01-01T00:00:00.000Z" });
  });

  it.each([
    {},
    { offsetSeconds: "one" },
    { offsetSeconds: 1, frozenAt: "2030-01-01T00:00:00Z" },
    { frozenAt: "tomorrow" },
    { offsetSeconds: 1e300 },
  ])("refuses %j and goes on", async (body) => {
    await control("POST", "/clock", { frozenAt: "2030-01-01T00:00:00Z" });
    expect((await control("POST", "/clock", body)).status).toBe(400);
    expect((await control("GET", "/clock")).body).toMatchObject({ now: "2030-01-01T00:00:00.000Z" });
  });
});

describe("switches", () => {
  it("change one by one, and the others stay", async () => {
    await control("POST", "/switches", { windowHours: 6 });
    const { body } = await control("PATCH", "/switches", { tokenSingleUse: true });
    expect(body).toMatchObject({ windowHours: 6, tokenSingleUse: true, monthGrace: "restrict" });
    expect((await control("GET", "/switches")).body).toEqual(body);
  });

  it.each([
    [{ windowHours: 0 }, "windowHours"],
    [{ identicalResubmit: "maybe" }, "identicalResubmit"],
    [{ tokenSingleUse: "no" }, "tokenSingleUse"],
    [{ checkOrder: ["product"] }, "checkOrder"],
    [{ windowHours: 6, colour: "red" }, "colour"],
  ])("are refused as %j, and none is changed", async (change, field) => {
    const before = (await control("GET", "/switches")).body;
    expect(await control<Refusal>("POST", "/switches", change)).toMatchObject(refused(field));
    expect((await control("GET", "/switches")).body).toEqual(before);
  });

  it("set the order in which the rules speak", async () => {
    const customer = await newCustomer();
    const wrong = usage(customer, { Dimension: "unknown", Timestamp: tenOClock - 25 * 3600 });
    expect((await meter([wrong])).body.__type).toBe("InvalidUsageDimensionException");
    const checkOrder = ["timestamps", "product", "license", "dimension", "tags", "allocations"];
    await control("POST", "/switches", { checkOrder });
    expect((await meter([wrong])).body.__type).toBe("TimestampOutOfBoundsException");
  });

  it("echo the hour, and shuffle the results", async () => {
    const customer = await newCustomer();
    await control("POST", "/switches", { echoTimestamp: "hour", resultsOrder: "shuffled" });
    const { body } = await meter([usage(customer), usage(customer, { Dimension: "storage" })]);
    expect(body.Results.map(({ UsageRecord }) => [UsageRecord.Dimension, UsageRecord.Timestamp])).toEqual([
      ["storage", tenOClock - 3600],
      ["requests", tenOClock - 3600],
    ]);
  });
});

describe("a reset", () => {
  it("forgets everything", async () => {
    const customer = await newCustomer();
    expect(statuses(await meter([usage(customer)]))).toEqual(["Success"]);
    await control("POST", "/faults", { faults: [{ kind: "throttle" }] });
    expect((await control("POST", "/reset")).body).toEqual({ reset: true });
    expect(await books()).toEqual([]);
    expect((await control("GET", "/products")).body).toEqual({ products: [] });
    expect((await control("GET", "/agreements")).body).toEqual({ agreements: [], next: null });
    expect((await control("GET", "/calls")).body).toEqual({ calls: [], next: null });
    expect((await control("GET", "/faults")).body).toEqual({ faults: [] });
    expect((await control("GET", "/switches")).body).toMatchObject({ quotas: "enforced" });
    expect((await control("GET", "/clock")).body).toMatchObject({ frozen: false, offsetSeconds: 0 });
    expect((await control("GET", `/agreements/${customer.agreementId}`)).status).toBe(404);
  });

  it("is not what a body with wishes gets", async () => {
    const productCode = await newProduct();
    expect(await control<Refusal>("POST", "/reset", { only: "records" })).toMatchObject(refused("only"));
    expect((await control("GET", "/products")).body).toMatchObject({ products: [{ productCode }] });
  });
});

describe("an address that is none", () => {
  it.each([
    ["GET", "/nothing"],
    ["PUT", "/_simulator/products"],
    ["GET", "/_simulator/nothing"],
    ["DELETE", "/"],
  ])("says where the API is: %s %s", async (method, path) => {
    const response = await send(new Request(`${origin}${path}`, { method }));
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: expect.stringContaining("/_simulator is the control plane") as string,
    });
  });
});
