import { arrive, expectOk, type Agreement, type SimulatorAgreement } from "../local/clients.ts";
import { localSecrets } from "../local/stack.ts";
import type { Shop } from "./books.ts";
import type { Display } from "./display.ts";
import { dimensions } from "./workload.ts";

/** The tour's listing: its hours settle in seconds, so that one can watch. */
export const listing = {
  id: "tour",
  name: "The product of the tour",
  productCode: "tour0product0code0000001",
  dimensions,
  signUpUrl: "https://example.com/welcome",
  settleSeconds: 2,
  lateSettleSeconds: 3,
} as const;

export const customerName = "acme";

/** Lists the product on AWS, and tells the gateway of it. */
export async function listProduct({ stack, adminToken }: Shop, display: Display): Promise<void> {
  const { productCode } = listing;
  await expectOk("POST", `${stack.simulator.url}/_simulator/products`, { body: { productCode, dimensions } });
  await expectOk("POST", `${stack.gateway.url}/v1/products`, { token: adminToken, body: listing });
  display.line(`POST /v1/products          ${productCode}, metered by ${dimensions.join(" and ")}`);
}

/** A customer buys on AWS, presses "Set up your account", and the seller gives it a name. */
export async function welcomeCustomer(shop: Shop, display: Display): Promise<Agreement> {
  const { stack, adminToken, productCode } = shop;
  const { gateway, simulator } = stack;
  const bought = await expectOk<SimulatorAgreement>("POST", `${simulator.url}/_simulator/agreements`, {
    body: { productCode },
  });
  display.line(`AWS account ${bought.accountId} subscribes and presses "Set up your account"`);

  const arrival = await arrive(gateway.url, bought.registrationToken);
  const target = new URL(arrival.headers.get("location") ?? "/", gateway.url);
  const code = target.searchParams.get("registration_code");
  if (arrival.status !== 303 || code === null) {
    throw new Error(
      `the customer was sent to ${target.href} with ${arrival.status}: ${await arrival.text()}`,
    );
  }
  display.line(
    `POST /register             ${arrival.status} See Other, to ${target.origin}${target.pathname}`,
  );

  const agreement = await expectOk<Agreement>("POST", `${gateway.url}/v1/registrations/redeem`, {
    token: adminToken,
    body: { code, customer: customerName },
  });
  display.line(`POST /v1/registrations/redeem   the seller calls this customer "${customerName}"`);

  const url = `${simulator.url}/_simulator/agreements/${bought.agreementId}/notices`;
  const { notice } = await expectOk<{ notice: { "detail-type": string } }>("POST", url, {
    body: { via: "eventbridge", kind: "license-updated" },
  });
  await expectOk("POST", `${gateway.url}/aws/events`, { token: localSecrets.events, body: notice });
  display.line(`POST /aws/events           "${notice["detail-type"]}": the agreement is active`);
  return agreement;
}

/** Makes the key that the producers post with. */
export async function makeIngestKey({ stack, adminToken, product }: Shop): Promise<string> {
  const url = `${stack.gateway.url}/v1/keys`;
  return (await expectOk<{ key: string }>("POST", url, { token: adminToken, body: { product } })).key;
}
