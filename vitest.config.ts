import { request as httpRequest, type IncomingMessage } from "node:http";
import { buffer } from "node:stream/consumers";
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

/** Where the Worker finds the simulator. It listens on a port that it picks itself: one that is chosen before may be taken by then. */
const simulatorUrl = "http://aws.simulator.test";
let simulator: Promise<RunningWorker> | undefined;

/** The simulator is the only thing outside that a test of the Worker reaches. It is started by the first call. */
async function simulatedAws(request: OutboundRequest) {
  const { origin, pathname, search } = new URL(request.url);
  if (origin !== simulatorUrl) return refuseOutbound(request);
  simulator ??= buildWorker(simulatorSource).then((script) =>
    runWorker({ source: simulatorSource, script, port: 0 }),
  );
  const { url: listening } = await simulator;
  const answer = await send(`${listening}${pathname}${search}`, request);
  const headers = Object.entries(answer.headersDistinct).flatMap(([name, values = []]) =>
    values.map((value): [string, string] => [name, value]),
  );
  const body = await buffer(answer);
  return new MiniflareResponse(body, { status: answer.statusCode ?? 502, headers });
}

/** `fetch` would send the host that it calls: calls are signed with the one that they are for. */
async function send(to: string, request: OutboundRequest): Promise<IncomingMessage> {
  const { method, url } = request;
  const body = Buffer.from(await request.arrayBuffer());
  const { host } = new URL(url);
  const headers = { ...Object.fromEntries(request.headers), host, "content-length": body.length };
  return new Promise((resolve, reject) => {
    // A connection of its own: of one that is kept nobody knows whether the other end has just closed it.
    httpRequest(to, { method, headers, agent: false }, resolve).on("error", reject).end(body);
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
      {
        test: { name: "unit", environment: "node", include: ["test/unit/**/*.test.ts"], testTimeout: 30_000 },
      },
      {
        test: {
          name: "simulation",
          environment: "node",
          include: ["test/simulation/**/*.test.ts"],
          testTimeout: 300_000,
        },
      },
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
                REGISTRATION_SECRET: "test-registration-secret-of-32-characters",
                EVENTS_SECRET: "test-events-secret",
                AWS_ENDPOINT_URL_MARKETPLACE_METERING: simulatorUrl,
                AWS_ENDPOINT_URL_MARKETPLACE_ENTITLEMENT_SERVICE: simulatorUrl,
                AWS_ENDPOINT_URL_SNS: simulatorUrl,
              },
              outboundService: simulatedAws,
            },
          }),
        ],
        test: {
          name: "worker",
          // Each run of a property is some requests.
          testTimeout: 30_000,
          include: ["test/worker/**/*.test.ts"],
          // One simulated AWS for all: its faults must not meet another file\'s calls.
          fileParallelism: false,
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
          name: "conformance",
          environment: "node",
          include: ["test/conformance/**/*.test.ts"],
          globalSetup: "./test/conformance/global-setup.ts",
          testTimeout: 30_000,
          hookTimeout: 60_000,
        },
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
