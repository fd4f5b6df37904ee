import { expectOk } from "../scripts/local/clients.ts";
import { measure } from "./load.ts";
import { CUSTOMERS, DIMENSIONS, setUpProduct } from "./products.ts";
import { startGateway } from "./rates.ts";

/** Posts so many events, restarts workerd, and times the shard's first answer. */
export async function measureRestart(
  folder: string,
  events: number,
): Promise<{ events: number; ms: number }> {
  const size = 1000;
  const before = await startGateway(folder);
  const token = await setUpProduct(before, "restarted");
  const load = { token, connections: 32, customers: CUSTOMERS, dimensions: DIMENSIONS };
  const url = `${before.gateway.url}/v1/usage`;
  await measure({ ...load, url, size, requests: Math.ceil(events / size) });
  await before.stop();
  const after = await startGateway(folder);
  try {
    // The Worker is up, with its key and names looked up; the shard has not been asked for yet.
    await expectOk("GET", `${after.gateway.url}/openapi.json`);
    const started = performance.now();
    await measure({ ...load, url: `${after.gateway.url}/v1/usage`, size: 1, connections: 1, requests: 1 });
    return { events, ms: Math.round(performance.now() - started) };
  } finally {
    await after.stop();
  }
}
