import { join, resolve } from "node:path";
import { demoProduct, freshHour, seedDemo, type Demo } from "./local/demo-product.ts";
import { portOf, secondsOf } from "./local/settings.ts";
import { asPrinted, localSecrets, startStack, type Stack } from "./local/stack.ts";
import { repository } from "./local/worker.ts";

// `npm start`: the gateway and the AWS Marketplace simulator on this machine, with a demo product.

const adminToken = process.env["ADMIN_TOKEN"] ?? "dev-admin";
const stateDir = resolve(process.env["STATE_DIR"] ?? join(repository, ".metergate"));

const options = {
  port: portOf("PORT", 8787),
  simulatorPort: portOf("SIMULATOR_PORT", 8788),
  cronSeconds: secondsOf("CRON_SECONDS", 2),
  stateDir,
  adminToken,
  vars: settings("WEBHOOK_URL", "WEBHOOK_SECRET"),
  onLog: (line: string) => console.error(line),
};

/** Those variables of the environment that are set. */
function settings(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

function instructions({ gateway, simulator }: Stack, demo: Demo, time: Date): string {
  const setUp = `${asPrinted(simulator.url)}/_simulator/agreements/${demo.awsAgreementId}/set-up?to=${asPrinted(gateway.url)}/register`;
  const event = JSON.stringify({
    id: `hello-${time.toISOString().slice(0, 13)}`,
    customer: demo.agreement.customer,
    dimension: demoProduct.dimensions[0],
    quantity: 42,
    timestamp: time.toISOString(),
  });
  const leaving = JSON.stringify({
    via: "eventbridge",
    kind: "license-deprovisioned",
    to: `${gateway.url}/aws/events`,
    headers: { "x-api-key": localSecrets.events },
  });
  const cron =
    options.cronSeconds === 0 ? "never fires (CRON_SECONDS=0)" : `fires every ${options.cronSeconds} s`;
  return `
  Metergate is running. Ctrl-C stops it; the next start goes on from ${stateDir}

  Gateway        ${asPrinted(gateway.url)}     (API description: ${asPrinted(gateway.url)}/openapi.json)
  AWS simulator  ${asPrinted(simulator.url)}     (its books, live)
  Cron trigger   ${cron}
  Ingest key     ${demo.ingestKey}
  Admin token    ${adminToken}

  1. Post usage for an hour that has ended (twice, if you like: an id counts once):

curl -sS ${asPrinted(gateway.url)}/v1/usage -H 'Authorization: Bearer ${demo.ingestKey}' -H 'Content-Type: application/json' -d '${event}'

  2. A few seconds later, see it from both sides: the gateway's ledger, then AWS's books:

curl -sS -H 'Authorization: Bearer ${adminToken}' -w '\\n' '${asPrinted(gateway.url)}/v1/records?agreement=${demo.agreement.id}'
curl -sS -w '\\n' '${asPrinted(simulator.url)}/_simulator/records?productCode=${demoProduct.productCode}'

  3. Come as a customer: open this in a browser, and press AWS's button

     ${setUp}

  4. Have AWS tell that the customer leaves: the open hour is sealed and sent at once

curl -sS ${asPrinted(simulator.url)}/_simulator/agreements/${demo.awsAgreementId}/notices -d '${leaving}'
`;
}

async function main(): Promise<void> {
  console.log("Building and starting the gateway and the simulator ...");
  const stack = await startStack(options);
  let stopping = false;
  const stop = async (): Promise<void> => {
    if (stopping) return;
    stopping = true;
    await stack.stop();
    process.exit(0);
  };
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    // Miniflare would end the process at once, with a failure's exit code and the cron trigger in the middle of a tick.
    process.removeAllListeners(signal);
    process.on(signal, () => void stop());
  }
  try {
    const demo = await seedDemo(stack, adminToken, stateDir);
    console.log(instructions(stack, demo, await freshHour(stack.gateway.url, adminToken, demo, Date.now())));
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

try {
  await main();
} catch (error) {
  console.error(`Metergate could not start: ${error instanceof Error ? error.message : String(error)}`);
  process.exit(1);
}
