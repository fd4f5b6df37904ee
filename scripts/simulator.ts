import { join, resolve } from "node:path";
import { portOf } from "./local/settings.ts";
import { simulatorCredentials } from "./local/stack.ts";
import { buildWorker, repository, runWorker, simulatorSource } from "./local/worker.ts";

// `npm run simulator`: the AWS Marketplace simulator alone, for any program that uses an AWS SDK.

const port = portOf("SIMULATOR_PORT", 8788);
const stateDir = resolve(process.env["STATE_DIR"] ?? join(repository, ".metergate"), "simulator");

function instructions(url: string): string {
  const { accessKeyId, secretAccessKey } = simulatorCredentials;
  return `
  The AWS Marketplace simulator is running. Ctrl-C stops it; the next start goes on from ${stateDir}

  Its books, live   ${url}/
  Control plane     ${url}/_simulator   (described in simulator/README.md)

  A program that uses an AWS SDK meters here, and nowhere else, with these in its environment:

export AWS_ENDPOINT_URL_MARKETPLACE_METERING=${url}
export AWS_ENDPOINT_URL_MARKETPLACE_ENTITLEMENT_SERVICE=${url}
export AWS_ENDPOINT_URL_STS=${url}
export AWS_ACCESS_KEY_ID=${accessKeyId}
export AWS_SECRET_ACCESS_KEY=${secretAccessKey}
export AWS_DEFAULT_REGION=us-east-1
export AWS_REGION=us-east-1
`;
}

async function main(): Promise<void> {
  console.log("Building and starting the simulator ...");
  const simulator = await runWorker({
    source: simulatorSource,
    script: await buildWorker(simulatorSource),
    port,
    stateDir,
    onLog: (line) => console.error(line),
  });
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await simulator.stop();
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Miniflare would end the process at once, with a failure's exit code.
    process.removeAllListeners(signal);
    process.on(signal, () => void stop());
  }
  console.log(instructions(simulator.url));
}

try {
  await main();
} catch (error) {
  console.error(`The simulator could not start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
