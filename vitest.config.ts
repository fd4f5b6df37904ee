import { cloudflareTest, readD1Migrations } from "@cloudflare/vitest-plugin";
import { Response as MiniflareResponse } from "miniflare";
import { defineConfig } from "vitest/config";
import { buildWorker, runWorker, simulatorSource, type RunningWorker } from "./scripts/local/worker.ts";

/** A test that reaches for the network has a bug: its call is answered by nobody, and is an error in the log. */
function refuseOutbound(request: OutboundRequest): never {
  throw new Error(`unexpected outbound call: ${request.method} ${request.url}`);
}

interface OutboundRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Iterable<readonly [string, string]>;
  arrayBuffer(): Promise<ArrayBuffer>;
}

let simulator: Promise<RunningWorker> | undefined;

/** AWS Marketplace's hosts, and the simulator's control plane, are the simulator; nothing else is there. */
async function simulatedAws(request: OutboundRequest) {
  const { hostname } = new URL(request.url);
  if (!/^(metering\.marketplace\..+\.amazonaws\.com|simulator\.test)$/.test(hostname))
    return refuseOutbound(request);
  simulator ??= buildWorker(simulatorSource).then((script) =>
    runWorker({ source: simulatorSource, script, port: 0 }),
  );
  const { method, url, headers } = request;
  const answer = await (
    await simulator
  ).dispatch({ method, url, headers, body: await request.arrayBuffer() });
  return new MiniflareResponse(await answer.arrayBuffer(), {
    status: answer.status,
    headers: [...answer.headers],
  });
}

/** Stops the simulator with the test run; a running workerd would keep it from ending. */
const stopSimulator = {
  name: "stop-simulator",
  async closeBundle(): Promise<void> {
    await (await simulator)?.stop();
    simulator = undefined;
  },
};

export default defineConfig(async () => ({
  test: {
    projects: [
      { test: { name: "unit", environment: "node", include: ["test/unit/**/*.test.ts"] } },
      {
        plugins: [
          stopSimulator,
          cloudflareTest({
            wrangler: { configPath: "./wrangler.toml" },
            miniflare: {
              bindings: {
                TEST_MIGRATIONS: await readD1Migrations("./migrations"),
                ADMIN_TOKEN: "test-admin",
                AWS_ACCESS_KEY_ID: "AKIDSIMULATOR0000000",
                AWS_SECRET_ACCESS_KEY: "simulator-secret",
              },
              outboundService: simulatedAws,
            },
          }),
        ],
        test: {
          name: "worker",
          include: ["test/worker/**/*.test.ts"],
          setupFiles: ["./test/worker/setup.ts"],
        },
      },
      {
        plugins: [
          cloudflareTest({
            wrangler: { configPath: "./simulator/wrangler.toml" },
            miniflare: { outboundService: refuseOutbound },
          }),
        ],
        test: { name: "simulator", include: ["test/simulator/**/*.test.ts"] },
      },
      {
        test: {
          name: "system",
          environment: "node",
          include: ["test/system/**/*.test.ts"],
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
    ],
  },
}));
