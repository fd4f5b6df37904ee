import { arrive, expectOk, type SimulatorAgreement } from "../scripts/local/clients.ts";

export const ADMIN_TOKEN = "bench-admin";

export const CUSTOMERS: readonly string[] = Array.from({ length: 100 }, (_, n) =>
  String(n + 1).padStart(12, "0"),
);

export const DIMENSIONS: readonly string[] = ["api_calls", "storage_gb", "seats"];

/** A product with its customers, who come through the registration redirect. Returns its ingest key. */
export async function setUpProduct(
  { gateway, simulator }: { readonly gateway: { url: string }; readonly simulator: { url: string } },
  productCode: string,
  settings: Readonly<Record<string, unknown>> = {},
): Promise<string> {
  const product = { productCode, dimensions: DIMENSIONS };
  await expectOk("POST", `${simulator.url}/_simulator/products`, { body: product });
  const admin = { token: ADMIN_TOKEN };
  await expectOk("POST", `${gateway.url}/v1/products`, {
    ...admin,
    body: { ...product, signUpUrl: "https://example.com/", ...settings },
  });
  for (const accountId of CUSTOMERS) {
    const agreement = await expectOk<SimulatorAgreement>("POST", `${simulator.url}/_simulator/agreements`, {
      body: { productCode, accountId },
    });
    const { status } = await arrive(gateway.url, agreement.registrationToken);
    if (status !== 303) throw new Error(`a customer was refused with ${status}`);
  }
  const { key } = await expectOk<{ key: string }>("POST", `${gateway.url}/v1/keys`, {
    ...admin,
    body: { product: productCode },
  });
  return key;
}
