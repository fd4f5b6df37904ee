import { beforeEach, describe, expect, it, onTestFinished, vi } from "vitest";
import { createApp } from "../../simulator/src/app.ts";
import { Simulator } from "../../simulator/src/simulator.ts";
import { MemoryStore } from "../../simulator/src/store-memory.ts";
import { control, origin, sellerKey } from "./client.ts";
import { tell, type Told } from "./notices.ts";
import { newAgreement, newCustomer, newProduct, startOver } from "./world.ts";

beforeEach(startOver);

const uuid = expect.stringMatching(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/) as string;
const shortId = (prefix: string) => expect.stringMatching(new RegExp(`^${prefix}-[0-9a-z]{13}$`)) as string;

describe("an event of EventBridge", () => {
  const event = async (agreementId: string, body: object) =>
    (
      await tell<{ id: string; time: string; detail: Record<string, unknown> }>(agreementId, {
        via: "eventbridge",
        ...body,
      })
    ).body.notice;

  it("has AWS's envelope, and comes with the headers to post it with", async () => {
    const { agreementId, accountId } = await newCustomer();
    const { status, body } = await tell(agreementId, { via: "eventbridge", kind: "agreement-created" });
    expect(status).toBe(201);
    expect(body).toEqual({
      notice: {
        version: "0",
        id: uuid,
        "detail-type": "Purchase Agreement Created - Proposer",
        source: "aws.agreement-marketplace",
        account: "999999999999",
        time: "2026-11-23T10:00:00Z",
        region: "us-east-1",
        resources: [`arn:aws:aws-marketplace::aws:agreement:${agreementId}`],
        detail: {
          requestId: uuid,
          catalog: "AWSMarketplace",
          agreement: {
            id: agreementId,
            intent: "NEW",
            status: "ACTIVE",
            acceptanceTime: "2026-10-24T10:00:00Z",
            startTime: "2026-10-24T10:00:00Z",
            endTime: "9999-01-01T00:00:00Z",
          },
          resaleAuthorization: { id: null },
          acceptor: { accountId },
          proposer: { accountId: "999999999999" },
          offer: { id: shortId("offer") },
        },
      },
      headers: { "content-type": "application/json" },
      delivery: null,
    });
  });

  it("of a renewal names the new agreement everywhere, and the one before", async () => {
    const { agreementId } = await newCustomer();
    const notice = await event(agreementId, {
      kind: "agreement-created",
      intent: "RENEW",
      agreementId: "agmt-new",
      previousAgreementId: agreementId,
    });
    expect(notice).toMatchObject({
      resources: ["arn:aws:aws-marketplace::aws:agreement:agmt-new"],
      detail: { agreement: { id: "agmt-new", intent: "RENEW", previousAgreementId: agreementId } },
    });
  });

  it("of an agreement with terms tells them to the second", async () => {
    const period = { startsAt: "2026-12-01T00:00:00.789Z", endsAt: "2027-12-01T00:00:00.789Z" };
    await newCustomer();
    const { agreementId } = await newAgreement(await newProduct(), period);
    const { detail } = await event(agreementId, { kind: "agreement-created" });
    expect(detail["agreement"]).toMatchObject({
      acceptanceTime: "2026-11-23T10:00:00Z",
      startTime: "2026-12-01T00:00:00Z",
      endTime: "2027-12-01T00:00:00Z",
    });
  });

  it("of an amendment tells whether the agreement renews itself", async () => {
    const { agreementId, accountId } = await newCustomer();
    expect(await event(agreementId, { kind: "agreement-amended" })).toMatchObject({
      "detail-type": "Purchase Agreement Amended - Proposer",
      detail: {
        agreement: { id: agreementId, intent: "AMEND", status: "ACTIVE", autoRenewalEnabled: false },
        renewalSummary: { lockoutStartTime: null, disabledBy: null },
        acceptor: { accountId },
        offer: { id: shortId("offer") },
      },
    });
  });

  it("of an end has a status and no offer", async () => {
    const { agreementId, accountId } = await newCustomer();
    const cancelled = await event(agreementId, { kind: "agreement-ended" });
    expect(cancelled).toMatchObject({ "detail-type": "Purchase Agreement Ended - Proposer" });
    expect(cancelled.detail).toEqual({
      requestId: uuid,
      catalog: "AWSMarketplace",
      agreement: { id: agreementId, status: "CANCELLED" },
      resaleAuthorization: { id: null },
      acceptor: { accountId },
      proposer: { accountId: "999999999999" },
    });
    const expired = await event(agreementId, { kind: "agreement-ended", status: "EXPIRED" });
    expect(expired.detail["agreement"]).toEqual({ id: agreementId, status: "EXPIRED" });
  });

  it.each([
    ["license-updated", "License Updated - Manufacturer"],
    ["license-deprovisioned", "License Deprovisioned - Manufacturer"],
  ])("%s names the licence and the product", async (kind, detailType) => {
    const seller = "888888888888";
    const customer = await newCustomer({ sellerAccountId: seller });
    const notice = await event(customer.agreementId, { kind });
    expect(notice).toMatchObject({ "detail-type": detailType, account: seller });
    expect(notice.detail).toEqual({
      requestId: uuid,
      catalog: "AWSMarketplace",
      agreement: { id: customer.agreementId },
      license: { arn: customer.licenseArn },
      product: { id: shortId("prod"), code: customer.productCode },
      acceptor: { accountId: customer.accountId },
      proposer: { accountId: seller },
      offer: { id: shortId("offer") },
    });
  });

  it.each(["agreement-created", "agreement-amended", "agreement-ended"])(
    "%s tells neither the licence nor the product, as at AWS",
    async (kind) => {
      const { agreementId, licenseArn, productCode } = await newCustomer();
      const text = JSON.stringify(await event(agreementId, { kind }));
      expect(text).not.toContain(licenseArn);
      expect(text).not.toContain(productCode);
    },
  );

  it("has the time and the id that were wished for, to tell it late or twice", async () => {
    const { agreementId } = await newCustomer();
    const wishes = { kind: "license-updated", at: "2026-08-20T14:24:23.999Z", id: "seen-before" };
    expect(await event(agreementId, wishes)).toMatchObject({
      id: "seen-before",
      time: "2026-08-20T14:24:23Z",
    });
  });

  it("has the same product and offer as the others of its agreement, and another offer than other agreements", async () => {
    const customer = await newCustomer();
    const other = await newAgreement(customer.productCode);
    const told = async (id: string) => {
      const { detail } = await event(id, { kind: "license-updated" });
      return { product: detail["product"], offer: detail["offer"] };
    };
    const first = await told(customer.agreementId);
    expect(await told(customer.agreementId)).toEqual(first);
    const second = await told(other.agreementId);
    expect(second.product).toEqual(first.product);
    expect(second.offer).not.toEqual(first.offer);
  });
});

describe("a notice", () => {
  const via = { via: "eventbridge", kind: "license-deprovisioned" };

  it.each([
    "agreement-created",
    "agreement-amended",
    "agreement-ended",
    "license-updated",
    "license-deprovisioned",
  ])("%s only tells: the agreement stays as it is", async (kind) => {
    const { agreementId } = await newCustomer();
    const before = (await control("GET", `/agreements/${agreementId}`)).body;
    expect((await tell(agreementId, { via: "eventbridge", kind })).status).toBe(201);
    expect((await control("GET", `/agreements/${agreementId}`)).body).toEqual(before);
  });

  it("of an agreement that does not exist is not found", async () => {
    const answer = await tell("agmt-none", via);
    expect(answer).toMatchObject({
      status: 404,
      body: { error: expect.stringContaining("agmt-none") as string },
    });
  });

  it.each([
    [{}, "via"],
    [{ via: "email", kind: "agreement-created" }, "via"],
    [{ via: "eventbridge" }, "kind"],
    [{ via: "eventbridge", kind: "subscribe-success" }, "kind"],
    [{ via: "sns", kind: "agreement-created" }, "kind"],
    [{ ...via, at: "yesterday" }, "at"],
    [{ ...via, id: "" }, "id"],
    [{ ...via, to: "ftp://seller.test/" }, "to"],
    [{ ...via, to: "seller.test" }, "to"],
    [{ ...via, headers: { "x-key": 1 } }, "headers.x-key"],
    [{ ...via, headers: { "x-key": "a\nb" } }, "headers.x-key"],
    [{ ...via, headers: { "x key": "a" } }, "headers.x key"],
    [{ ...via, colour: "red" }, "colour"],
    [{ ...via, signatureVersion: "1" }, "signatureVersion"],
    [{ ...via, intent: "NEW" }, "intent"],
    [{ via: "eventbridge", kind: "agreement-created", intent: "new" }, "intent"],
    [{ via: "eventbridge", kind: "agreement-created", previousAgreementId: 1 }, "previousAgreementId"],
    [{ via: "eventbridge", kind: "agreement-created", status: "ACTIVE" }, "status"],
    [{ via: "eventbridge", kind: "agreement-ended", status: "expired" }, "status"],
    [{ via: "sns", kind: "subscribe-success", freeTrial: "true" }, "freeTrial"],
    [{ via: "sns", kind: "unsubscribe-pending", freeTrial: true }, "freeTrial"],
    [{ via: "sns", kind: "subscribe-success", signatureVersion: 2 }, "signatureVersion"],
    [{ via: "sns", kind: "subscribe-success", topicAccount: "1" }, "topicAccount"],
    [{ via: "sns", kind: "subscribe-success", agreementId: "agmt-1" }, "agreementId"],
  ])("is refused as %j, and says which field is wrong", async (body, field) => {
    const { agreementId } = await newCustomer();
    expect(await control("POST", `/agreements/${agreementId}/notices`, body)).toMatchObject({
      status: 400,
      body: { error: expect.stringContaining(field) as string, field },
    });
  });
});

describe("a notice with an address", () => {
  /** A simulator in memory, and the seller that its calls reach. */
  async function reaching(seller: (request: Request) => Response | Promise<Response>) {
    const machineNow = () => Date.parse("2026-11-23T10:00:00Z");
    const newId = () => crypto.randomUUID();
    const owner = { ...sellerKey, accountId: "999999999999" };
    const simulator = new Simulator({ store: new MemoryStore(), seller: owner, machineNow, newId });
    const app = createApp(simulator, async (request) => seller(request));
    const post = async <Body>(path: string, body: object): Promise<Body> => {
      const init = { method: "POST", body: JSON.stringify(body) };
      return (await app.request(`${origin}/_simulator${path}`, init)).json<Body>();
    };
    const productCode = "p";
    await post("/products", { productCode, dimensions: ["requests"], concurrentAgreements: false });
    const { agreementId } = await post<{ agreementId: string }>("/agreements", { productCode });
    return { post, notices: `/agreements/${agreementId}/notices` };
  }

  it.each([
    ["an event", "/notices", { via: "eventbridge", kind: "license-updated" }],
    ["a message", "/notices", { via: "sns", kind: "unsubscribe-pending" }],
    ["a confirmation", "/sns/confirmations", { productCode: "p", topic: "subscription" }],
  ])("is posted there as it is shown: %s", async (_what, path, body) => {
    const arrived: { url: string; method: string; headers: Headers; text: string }[] = [];
    const { post, notices } = await reaching(async (request) => {
      const { url, method, headers } = request;
      arrived.push({ url, method, headers, text: await request.text() });
      return new Response("gone", { status: 410 });
    });
    const told = await post<Told<object>>(path === "/notices" ? notices : path, {
      ...body,
      to: "https://seller.test/aws?topic=1",
      headers: { "X-Key": "secret", "Content-Type": "text/x-sns" },
    });
    expect(told.delivery).toEqual({ status: 410 });
    expect(told.headers).toMatchObject({ "x-key": "secret", "content-type": "text/x-sns" });
    expect(arrived).toHaveLength(1);
    expect(arrived[0]).toMatchObject({ url: "https://seller.test/aws?topic=1", method: "POST" });
    expect(JSON.parse(arrived[0]?.text ?? "")).toEqual(told.notice);
    expect(Object.fromEntries(arrived[0]?.headers ?? [])).toMatchObject(told.headers);
  });

  it("is told of a seller that sends it elsewhere, and does not follow", async () => {
    let calls = 0;
    const { post, notices } = await reaching((request) => {
      calls += 1;
      expect(request.redirect).toBe("manual");
      return Response.redirect("https://seller.test/elsewhere", 307);
    });
    const body = { via: "eventbridge", kind: "license-updated", to: "https://seller.test/" };
    expect(await post(notices, body)).toMatchObject({ delivery: { status: 307 } });
    expect(calls).toBe(1);
  });

  it("says why it did not arrive, and is not posted again", async () => {
    let calls = 0;
    const { post, notices } = await reaching(() => {
      calls += 1;
      throw new Error("connection refused");
    });
    const body = { via: "eventbridge", kind: "license-updated", to: "https://seller.test/" };
    const told = await post<Told<object>>(notices, body);
    expect(told.delivery).toEqual({
      status: null,
      error: expect.stringContaining("connection refused") as string,
    });
    expect(calls).toBe(1);
  });

  it("is lost on a seller that takes ten seconds", async () => {
    const timeout = vi.spyOn(AbortSignal, "timeout").mockImplementation(() => AbortSignal.abort());
    onTestFinished(() => timeout.mockRestore());
    const { post, notices } = await reaching(({ signal }) => {
      signal.throwIfAborted();
      return new Response(null, { status: 204 });
    });
    const body = { via: "eventbridge", kind: "license-updated", to: "https://seller.test/" };
    expect(await post(notices, body)).toMatchObject({ delivery: { status: null } });
    expect(timeout).toHaveBeenCalledExactlyOnceWith(10_000);
  });

  it("goes over the network unless told otherwise", async () => {
    const network = vi.spyOn(globalThis, "fetch").mockResolvedValue(new Response(null, { status: 204 }));
    onTestFinished(() => network.mockRestore());
    const { agreementId } = await newCustomer();
    const body = { via: "eventbridge", kind: "license-updated", to: "https://seller.test/" };
    expect((await tell(agreementId, body)).body.delivery).toEqual({ status: 204 });
    expect(network).toHaveBeenCalledOnce();
  });
});
