import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { arrive, expectOk, type SimulatorAgreement } from "../../scripts/local/clients.ts";
import { prepareStack, type PreparedStack } from "../../scripts/local/stack.ts";
import { freePort } from "../../scripts/local/worker.ts";
import { startProcess, type Process } from "../../scripts/local/process.ts";

export const ADMIN = "system-admin";

/** A seller's gateway and its AWS, each in a process of its own, with its state on disk. */
export interface Seller {
  readonly prepared: PreparedStack;
  /** The process that the gateway is in at the moment. */
  gateway: Process;
  simulator: Process;
  /** Stops both and takes their state away. */
  stop(): Promise<void>;
}

export async function newSeller(): Promise<Seller> {
  const stateDir = await mkdtemp(join(tmpdir(), "metergate-seller-"));
  const [port, simulatorPort] = [await freePort(), await freePort()];
  const prepared = await prepareStack({
    port,
    simulatorPort,
    stateDir,
    adminToken: ADMIN,
    onLog: () => undefined,
  });
  const simulator = await startProcess(() => prepared.startSimulator());
  const gateway = await startProcess(() => prepared.startGateway(simulator.worker.url));
  const seller: Seller = {
    prepared,
    gateway,
    simulator,
    async stop() {
      await seller.gateway.worker.stop();
      await seller.simulator.worker.stop();
      await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  return seller;
}

/** A product with the dimension `api`, with customers who have registered, and a key to post their usage with. */
export async function sell(
  { gateway, simulator }: Seller,
  productCode: string,
  options: { readonly customers: number; readonly shards: number },
): Promise<{ key: string; customers: string[] }> {
  const product = { productCode, dimensions: ["api"] };
  const settings = { settleSeconds: 0, lateSettleSeconds: 0, shards: options.shards };
  await expectOk("POST", `${simulator.worker.url}/_simulator/products`, { body: product });
  await expectOk("POST", `${gateway.worker.url}/v1/products`, {
    token: ADMIN,
    body: { ...product, signUpUrl: "https://seller.example/", ...settings },
  });
  const customers: string[] = [];
  for (let n = 0; n < options.customers; n++) {
    const agreement = await expectOk<SimulatorAgreement>(
      "POST",
      `${simulator.worker.url}/_simulator/agreements`,
      { body: { productCode } },
    );
    const arrival = await arrive(gateway.worker.url, agreement.registrationToken);
    if (arrival.status !== 303) throw new Error(`a customer was refused with ${arrival.status}`);
    customers.push(agreement.accountId);
  }
  const { key } = await expectOk<{ key: string }>("POST", `${gateway.worker.url}/v1/keys`, {
    token: ADMIN,
    body: { product: productCode },
  });
  return { key, customers };
}
