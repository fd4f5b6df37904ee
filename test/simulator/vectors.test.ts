import { beforeEach, describe, expect, it } from "vitest";
import { control } from "./client.ts";
import {
  books,
  errorOf,
  meter,
  newAgreement,
  newCustomer,
  newProduct,
  setTime,
  startOver,
  statuses,
  usage,
} from "./world.ts";

beforeEach(startOver);

const at = (time: string): number => Date.parse(time) / 1000;
const outOfBounds = { status: 400, type: "TimestampOutOfBoundsException" };

/** A customer who bought long before, at a given time. */
async function customerAt(time: string) {
  await setTime(time);
  return newAgreement(await newProduct());
}

describe("the time window of BatchMeterUsage", () => {
  it("takes November until 05:59:59 on the first of December, and refuses it a second later", async () => {
    const customer = await customerAt("2026-12-01T05:59:59Z");
    const other = await newAgreement(customer.productCode);
    const Timestamp = at("2026-11-30T23:00:00Z");
    expect(statuses(await meter([usage(customer, { Timestamp })]))).toEqual(["Success"]);
    await setTime("2026-12-01T06:00:00Z");
    expect(errorOf(await meter([usage(other, { Timestamp })]))).toEqual(outOfBounds);
    expect(await books()).toHaveLength(1);
  });

  it("refuses usage of exactly 24 hours ago and takes what is a second younger", async () => {
    const customer = await customerAt("2026-11-23T10:00:00Z");
    const old = usage(customer, { Timestamp: at("2026-11-22T10:00:00Z") });
    expect(errorOf(await meter([old]))).toEqual(outOfBounds);
    const younger = usage(customer, { Timestamp: at("2026-11-22T10:00:01Z") });
    expect(statuses(await meter([younger]))).toEqual(["Success"]);
  });

  it("refuses November of more than 24 hours ago in the grace, unless the switch extends it", async () => {
    const customer = await customerAt("2026-12-01T05:00:00Z");
    const record = usage(customer, { Timestamp: at("2026-11-29T22:00:00Z") });
    expect(errorOf(await meter([record]))).toEqual(outOfBounds);
    await control("PATCH", "/switches", { monthGrace: "extend" });
    expect(statuses(await meter([record]))).toEqual(["Success"]);
    await setTime("2026-12-01T06:00:00Z");
    expect(errorOf(await meter([record]))).toEqual(outOfBounds);
  });

  it("takes usage of the first hours of a month after its first six", async () => {
    const customer = await customerAt("2026-12-01T08:00:00Z");
    const record = usage(customer, { Timestamp: at("2026-12-01T00:00:00Z") });
    expect(statuses(await meter([record]))).toEqual(["Success"]);
  });

  it("is as long as the switch says, and counted from the hour where the switch says so", async () => {
    const customer = await customerAt("2026-11-23T10:30:00Z");
    const record = usage(customer, { Timestamp: at("2026-11-23T04:45:00Z") });
    await control("PATCH", "/switches", { windowHours: 6, windowBasis: "hour" });
    expect(errorOf(await meter([record]))).toEqual(outOfBounds);
    await control("PATCH", "/switches", { windowBasis: "raw" });
    expect(statuses(await meter([record]))).toEqual(["Success"]);
  });

  it("takes usage as far in the future as the switch says", async () => {
    const customer = await customerAt("2026-11-23T10:00:00Z");
    const record = usage(customer, { Timestamp: at("2026-11-23T10:00:11Z") });
    await control("PATCH", "/switches", { futureSkewSeconds: 10 });
    expect(errorOf(await meter([record]))).toEqual(outOfBounds);
    await control("PATCH", "/switches", { futureSkewSeconds: 11 });
    expect(statuses(await meter([record]))).toEqual(["Success"]);
  });

  it("says before the window's end what it holds, and after it only that it is over", async () => {
    const customer = await customerAt("2026-11-23T10:00:00Z");
    const record = usage(customer, { Timestamp: at("2026-11-22T10:00:01Z") });
    await meter([record]);
    expect(statuses(await meter([record]))).toEqual(["Success"]);
    await setTime("2026-11-23T10:00:01Z");
    expect(errorOf(await meter([record]))).toEqual(outOfBounds);
  });
});

describe("a batch", () => {
  const many = async (count: number) => {
    const customer = await newCustomer();
    const start = at("2026-11-23T09:59:00Z");
    return Array.from({ length: count }, (_, n) =>
      usage(customer, {
        Timestamp: start - Math.floor(n / 2) * 3600,
        Dimension: n % 2 ? "storage" : "requests",
      }),
    );
  };

  it("of 25 good records gives 25 results and 25 entries in the books", async () => {
    const answer = await meter(await many(25));
    expect(statuses(answer)).toEqual(Array.from({ length: 25 }, () => "Success"));
    expect(await books()).toHaveLength(25);
  });

  it("of 24 good records and a stale one is refused, and nothing is stored", async () => {
    const [first, ...rest] = await many(25);
    const batch = [...rest, { ...first, Dimension: "requests", Timestamp: at("2026-11-22T10:00:00Z") }];
    expect(errorOf(await meter(batch))).toEqual(outOfBounds);
    expect(await books()).toEqual([]);
  });

  it("of 26 records is refused, and nothing is stored", async () => {
    expect(errorOf(await meter(await many(26)))).toEqual({ status: 400, type: "ValidationException" });
    expect(await books()).toEqual([]);
  });
});

describe("an hour that was metered once", () => {
  it("holds 5 after 5 and 5 again, and after 5 and 6", async () => {
    const customer = await newCustomer();
    await meter([usage(customer, { Quantity: 5 })]);
    expect(statuses(await meter([usage(customer, { Quantity: 5 })]))).toEqual(["Success"]);
    expect(statuses(await meter([usage(customer, { Quantity: 6 })]))).toEqual(["DuplicateRecord"]);
    expect(await books()).toMatchObject([{ quantity: 5 }]);
  });

  it("is stored, and billed, once more in a second Region", async () => {
    const customer = await newCustomer();
    const everywhere = [
      await meter([usage(customer)], { region: "us-east-1" }),
      await meter([usage(customer)], { region: "eu-west-1" }),
    ];
    expect(everywhere.map(statuses)).toEqual([["Success"], ["Success"]]);
    expect(await books()).toMatchObject([{ region: "us-east-1" }, { region: "eu-west-1" }]);
    expect(await books("?region=eu-west-1")).toMatchObject([{ region: "eu-west-1" }]);
  });

  it("locks at zero when the zero came first", async () => {
    const customer = await newCustomer();
    await meter([usage(customer, { Quantity: 0 })]);
    expect(statuses(await meter([usage(customer, { Quantity: 9 })]))).toEqual(["DuplicateRecord"]);
    expect(await books()).toMatchObject([{ quantity: 0 }]);
  });

  it("is another hour a second later", async () => {
    const customer = await newCustomer();
    const ends = usage(customer, { Timestamp: at("2026-11-23T08:59:59Z") });
    const begins = usage(customer, { Timestamp: at("2026-11-23T09:00:00Z") });
    expect(statuses(await meter([ends, begins]))).toEqual(["Success", "Success"]);
    expect(await books()).toMatchObject([
      { hour: "2026-11-23T08:00:00.000Z" },
      { hour: "2026-11-23T09:00:00.000Z" },
    ]);
  });
});
