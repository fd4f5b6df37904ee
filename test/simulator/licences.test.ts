import { beforeEach, describe, expect, it } from "vitest";
import { control } from "./client.ts";
import {
  books,
  errorOf,
  legacyUsage,
  meter,
  meterLegacy,
  newAgreement,
  newCustomer,
  newLegacyCustomer,
  setTime,
  startOver,
  statuses,
  tenOClock,
  usage,
  type Agreement,
} from "./world.ts";

beforeEach(startOver);

const hour = 3600;
const iso = (seconds: number): string => new Date(seconds * 1000).toISOString();
const outsidePeriod = { status: 400, type: "InvalidLicenseException" };

const happen = (event: "end" | "deprovision", { agreementId }: Agreement, body = {}) =>
  control<{ live: boolean }>("POST", `/agreements/${agreementId}/${event}`, body);

/** Usage of the given time; each of these tests speaks of several hours. */
const usageAt = (agreement: Agreement, Timestamp: number) => usage(agreement, { Timestamp });

/** What becomes of usage from an hour before ten o'clock, at a given time. */
async function fate(agreement: Agreement, now: number): Promise<readonly string[]> {
  await setTime(now);
  return statuses(await meter([usageAt(agreement, tenOClock - hour)]));
}

describe("an agreement that was ended and deprovisioned", () => {
  it("has one more hour for the usage from before", async () => {
    const customer = await newCustomer();
    await happen("end", customer);
    await happen("deprovision", customer);
    expect(await fate(customer, tenOClock + hour - 1)).toEqual(["Success"]);
    expect(await fate(customer, tenOClock + hour)).toEqual(["CustomerNotSubscribed"]);
    expect(await books()).toHaveLength(1);
  });

  it("takes usage of its last second, and refuses a batch with usage from after it", async () => {
    const customer = await newCustomer();
    await happen("deprovision", customer);
    await setTime(tenOClock + 600);
    expect(statuses(await meter([usageAt(customer, tenOClock)]))).toEqual(["Success"]);
    expect(
      errorOf(await meter([usageAt(customer, tenOClock - hour), usageAt(customer, tenOClock + 1)])),
    ).toEqual(outsidePeriod);
    expect(await books()).toHaveLength(1);
  });

  it("has a final hour as long as the switch says", async () => {
    const customer = await newCustomer();
    await control("POST", "/switches", { finalWindowMinutes: 10 });
    await happen("deprovision", customer);
    expect(await fate(customer, tenOClock + 599)).toEqual(["Success"]);
    expect(await fate(customer, tenOClock + 600)).toEqual(["CustomerNotSubscribed"]);
  });

  it("does not keep another agreement of the same customer from metering", async () => {
    const first = await newCustomer();
    const second = await newAgreement(first.productCode, { accountId: first.accountId });
    await happen("deprovision", first);
    await setTime(tenOClock + 2 * hour);
    const both = [first, second].map((agreement) => usageAt(agreement, tenOClock - hour));
    expect(statuses(await meter(both))).toEqual(["CustomerNotSubscribed", "Success"]);
  });
});

describe("the event that opens the final hour", () => {
  it("is License Deprovisioned: an end alone leaves the books open for the usage from before", async () => {
    const customer = await newCustomer();
    await happen("end", customer);
    expect(await fate(customer, tenOClock + 3 * hour)).toEqual(["Success"]);
    expect(errorOf(await meter([usageAt(customer, tenOClock + hour)]))).toEqual(outsidePeriod);
  });

  it("is Purchase Agreement Ended where the switch says so, and License Deprovisioned closes it", async () => {
    await control("POST", "/switches", { finalWindowOpens: "ended" });
    const customer = await newCustomer();
    await happen("end", customer);
    expect(await fate(customer, tenOClock + hour - 1)).toEqual(["Success"]);
    expect(await fate(customer, tenOClock + hour)).toEqual(["CustomerNotSubscribed"]);

    const other = await newCustomer();
    await happen("end", other);
    await setTime(tenOClock + 60);
    await happen("deprovision", other);
    expect(await fate(other, tenOClock + 61)).toEqual(["CustomerNotSubscribed"]);
  });

  it("may be of another time than now", async () => {
    const customer = await newCustomer();
    const { body } = await happen("deprovision", customer, { at: iso(tenOClock - hour) });
    expect(body.live).toBe(false);
    expect(await fate(customer, tenOClock)).toEqual(["CustomerNotSubscribed"]);
  });
});

describe("an agreement's period", () => {
  it("ends as it was agreed, with one more hour", async () => {
    const { productCode } = await newCustomer();
    const customer = await newAgreement(productCode, { endsAt: iso(tenOClock + 60) });
    expect(await fate(customer, tenOClock + 60 + hour - 1)).toEqual(["Success"]);
    expect(errorOf(await meter([usageAt(customer, tenOClock + 61)]))).toEqual(outsidePeriod);
    expect(await fate(customer, tenOClock + 60 + hour)).toEqual(["CustomerNotSubscribed"]);
  });

  it("begins to the second, or with the hour where the switch says so", async () => {
    const { productCode } = await newCustomer();
    const customer = await newAgreement(productCode, { startsAt: iso(tenOClock - 1800) });
    expect(statuses(await meter([usageAt(customer, tenOClock - 1800)]))).toEqual(["Success"]);
    const before = usage(customer, { Timestamp: tenOClock - hour, Dimension: "storage" });
    expect(errorOf(await meter([before]))).toEqual(outsidePeriod);
    await control("POST", "/switches", { activationBasis: "hour" });
    expect(statuses(await meter([before]))).toEqual(["Success"]);
  });

  it("can be prolonged", async () => {
    const { productCode } = await newCustomer();
    const customer = await newAgreement(productCode, { endsAt: iso(tenOClock - 2 * hour) });
    expect(await fate(customer, tenOClock)).toEqual(["CustomerNotSubscribed"]);
    await control("PATCH", `/agreements/${customer.agreementId}`, { endsAt: null });
    expect(await fate(customer, tenOClock)).toEqual(["Success"]);
  });

  it("of a legacy customer who left is told by the record's status, after it and after the final hour", async () => {
    const customer = await newLegacyCustomer();
    await happen("deprovision", customer);
    await setTime(tenOClock + 600);
    const [before, after] = [tenOClock - hour, tenOClock + 300].map((Timestamp) =>
      legacyUsage(customer, { Timestamp }),
    );
    if (!before || !after) throw new Error("no usage");
    expect(statuses(await meterLegacy(customer.productCode, [before, after]))).toEqual([
      "Success",
      "CustomerNotSubscribed",
    ]);
    await setTime(tenOClock + hour);
    expect(statuses(await meterLegacy(customer.productCode, [before]))).toEqual(["CustomerNotSubscribed"]);
  });
});
