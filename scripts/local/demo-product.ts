import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import {
  arrive,
  call,
  expectOk,
  type Agreement,
  type MeteringRecord,
  type SimulatorAgreement,
} from "./clients.ts";
import type { Stack } from "./stack.ts";

/** The listing that `npm start` sets up, with the gateway's own sign-up page: short settle times, so that its usage is delivered while one watches. */
export const demoProduct = {
  id: "demo",
  name: "Demo product",
  productCode: "demo0product0code00000001",
  dimensions: ["api_calls", "storage_gb"],
  page: {
    seller: "Demo seller",
    color: "#0b6e4f",
    support: "help@example.com",
    next: "We write to you within a minute, with how to sign in.",
  },
  settleSeconds: 2,
  lateSettleSeconds: 1,
} as const;

export interface Demo {
  readonly ingestKey: string;
  readonly agreement: Agreement;
  /** The simulator's id of it. */
  readonly awsAgreementId: string;
}

/**
 * Sets the demo product up on both sides, its customer through the registration redirect. Again after a restart:
 * what is there already stays; the key is kept beside the state, because the gateway has only its hash.
 */
export async function seedDemo(
  { gateway, simulator }: Stack,
  adminToken: string,
  stateDir: string,
): Promise<Demo> {
  const keyFile = join(stateDir, "demo-ingest-key");
  const customer = await presentCustomer({ gateway, simulator }, adminToken);
  const kept = await readFile(keyFile, "utf8").catch(() => null);
  const ingestKey = kept?.trim() ?? (await newKey(gateway.url, adminToken));
  if (kept === null) await writeFile(keyFile, `${ingestKey}\n`, { mode: 0o600 });
  return { ingestKey, ...customer };
}

type DemoCustomer = Pick<Demo, "agreement" | "awsAgreementId">;

/**
 * The tour can be taken again when its customer has left, or the simulator has been reset: by the next one, for the usage
 * of before stays the first one's.
 */
async function presentCustomer(stack: LocalStack, token: string, nth = 1): Promise<DemoCustomer> {
  const customer = nth === 1 ? "acme" : `acme-${nth}`;
  const agreement =
    (await findCustomer(stack.gateway.url, token, customer)) ?? (await newCustomer(stack, token, customer));
  const awsAgreementId = await idAtAws(stack.simulator.url, agreement);
  const isThere = agreement.state === "pending" || agreement.state === "active";
  return isThere && awsAgreementId !== null
    ? { agreement, awsAgreementId }
    : presentCustomer(stack, token, nth + 1);
}

type LocalStack = Pick<Stack, "gateway" | "simulator">;

/** Has a customer register. */
async function newCustomer(
  { gateway, simulator }: LocalStack,
  token: string,
  customer: string,
): Promise<Agreement> {
  const { productCode, dimensions } = demoProduct;
  await expectOk("POST", `${simulator.url}/_simulator/products`, { body: { productCode, dimensions } });
  const created = await call("POST", `${gateway.url}/v1/products`, { token, body: demoProduct });
  if (created.status !== 201 && created.status !== 409)
    throw new Error(`the demo product was refused: ${JSON.stringify(created.body)}`);
  const bought = await expectOk<SimulatorAgreement>("POST", `${simulator.url}/_simulator/agreements`, {
    body: { productCode },
  });
  const arrival = await arrive(gateway.url, bought.registrationToken);
  if (arrival.status !== 303) throw new Error(`the demo customer was refused: ${await arrival.text()}`);
  const { agreements } = await expectOk<{ agreements: { agreement: Agreement }[] }>(
    "GET",
    `${gateway.url}/v1/customers/${bought.accountId}`,
    { token },
  );
  const registered = agreements.find(({ agreement }) => agreement.licenseArn === bought.licenseArn);
  if (registered === undefined) throw new Error("the demo customer has registered and is not there");
  return expectOk<Agreement>("PATCH", `${gateway.url}/v1/agreements/${registered.agreement.id}`, {
    token,
    body: { customer },
  });
}

async function newKey(gateway: string, token: string): Promise<string> {
  const { key } = await expectOk<{ key: string }>("POST", `${gateway}/v1/keys`, {
    token,
    body: { product: demoProduct.id },
  });
  return key;
}

/** Null when the simulator does not know it: it has been reset. */
async function idAtAws(simulator: string, { accountId, licenseArn }: Agreement): Promise<string | null> {
  const { agreements } = await expectOk<{ agreements: { agreementId: string; licenseArn: string }[] }>(
    "GET",
    `${simulator}/_simulator/agreements?accountId=${accountId ?? ""}`,
  );
  return agreements.find((agreement) => agreement.licenseArn === licenseArn)?.agreementId ?? null;
}

async function findCustomer(gateway: string, token: string, customer: string): Promise<Agreement | null> {
  const { agreements } = await expectOk<{ agreements: Agreement[] }>(
    "GET",
    `${gateway}/v1/agreements?product=${demoProduct.id}&customer=${customer}`,
    { token },
  );
  return agreements[0] ?? null;
}

const HOUR = 3_600_000;

/**
 * The newest ended hour that has no record yet: usage posted for it is sealed and delivered within seconds.
 *
 * @param now epoch milliseconds
 * @returns any time inside that hour
 */
export async function freshHour(
  gateway: string,
  token: string,
  { agreement }: Demo,
  now: number,
): Promise<Date> {
  const url = `${gateway}/v1/records?agreement=${agreement.id}&dimension=${demoProduct.dimensions[0]}&limit=1000`;
  const { records } = await expectOk<{ records: MeteringRecord[] }>("GET", url, { token });
  const taken = new Set(records.map(({ hour }) => Date.parse(hour)));
  let hour = Math.floor(now / HOUR) * HOUR - HOUR;
  while (taken.has(hour)) hour -= HOUR;
  return new Date(hour + HOUR / 2);
}
