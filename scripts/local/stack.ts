import { execFile } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  buildWorker,
  gatewaySource,
  repository,
  runWorker,
  simulatorSource,
  wranglerPath,
  type RunningWorker,
  type WorkerSource,
} from "./worker.ts";

const run = promisify(execFile);

/** The seller's credentials at the simulator; they open nothing anywhere else. */
export const simulatorCredentials = {
  accessKeyId: "AKIDSIMULATOR0000000",
  secretAccessKey: "simulator-secret",
};

/** Of the gateway on this machine; they guard nothing anywhere else. */
export const localSecrets = {
  registration: "local-registration-secret-for-this-machine",
  events: "local-events-secret",
};

export interface StackOptions {
  /** The gateway's Worker, when it is not the product as it is. */
  readonly source?: WorkerSource;
  /** 0 picks a free port. */
  readonly port: number;
  readonly simulatorPort: number;
  /** Both Workers keep their state below it; a restart goes on where it stopped. */
  readonly stateDir: string;
  /** How often the cron trigger fires; 0 for never. */
  readonly cronSeconds: number;
  readonly adminToken: string;
  /** Further variables and secrets of the gateway. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Receives what the Workers log and what goes wrong in a cron tick. */
  readonly onLog: (line: string) => void;
}

export interface Stack {
  readonly gateway: RunningWorker;
  readonly simulator: RunningWorker;
  /** Stops the cron trigger and both Workers. */
  stop(): Promise<void>;
}

/** A gateway and a simulator that are built, with their state in place: each can be started, and started again. */
export interface PreparedStack {
  startSimulator(): Promise<RunningWorker>;
  /** @param simulatorUrl its AWS */
  startGateway(simulatorUrl: string): Promise<RunningWorker>;
}

/** Builds both Workers and gives the ledger its tables. */
export async function prepareStack(options: Omit<StackOptions, "cronSeconds">): Promise<PreparedStack> {
  const { source = gatewaySource, port, simulatorPort, stateDir, adminToken, vars, onLog } = options;
  await mkdir(stateDir, { recursive: true });
  const [simulatorScript, gatewayScript] = await Promise.all([
    buildWorker(simulatorSource),
    buildWorker(source),
    migrateLedger(stateDir),
  ]);
  return {
    startSimulator: () =>
      runWorker({
        source: simulatorSource,
        script: simulatorScript,
        port: simulatorPort,
        stateDir: join(stateDir, "simulator"),
        onLog,
      }),
    startGateway: (simulatorUrl) =>
      runWorker({
        source,
        script: gatewayScript,
        port,
        stateDir: gatewayState(stateDir),
        vars: {
          ADMIN_TOKEN: adminToken,
          AWS_ACCESS_KEY_ID: simulatorCredentials.accessKeyId,
          AWS_SECRET_ACCESS_KEY: simulatorCredentials.secretAccessKey,
          REGISTRATION_SECRET: localSecrets.registration,
          EVENTS_SECRET: localSecrets.events,
          AWS_ENDPOINT_URL_MARKETPLACE_METERING: simulatorUrl,
          AWS_ENDPOINT_URL_MARKETPLACE_ENTITLEMENT_SERVICE: simulatorUrl,
          // By the name that is printed: the addresses in the simulator's SNS messages are as it is called.
          AWS_ENDPOINT_URL_SNS: asPrinted(simulatorUrl),
          ...vars,
        },
        onLog,
      }),
  };
}

/** A local address as a person types it. */
export const asPrinted = (url: string): string => url.replace("127.0.0.1", "localhost");

/** Runs the gateway and, as its AWS, the simulator: each on workerd of its own. */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { cronSeconds, onLog } = options;
  const prepared = await prepareStack(options);
  const simulator = await prepared.startSimulator();
  try {
    const gateway = await prepared.startGateway(simulator.url);
    const cron = startCron(gateway, cronSeconds, onLog);
    return {
      gateway,
      simulator,
      async stop() {
        await cron.stop();
        await Promise.all([gateway.stop(), simulator.stop()]);
      },
    };
  } catch (error) {
    await simulator.stop();
    throw error;
  }
}

/** Wrangler keeps local state in a folder `v3` of the one it is given; the gateway's migrations are applied by it. */
const gatewayState = (stateDir: string): string => join(stateDir, "gateway", "v3");

/** Applies the D1 migrations with the same tool that applies them to a deployed ledger. */
async function migrateLedger(stateDir: string): Promise<void> {
  const target = ["--local", "--persist-to", join(stateDir, "gateway")];
  await run(process.execPath, [wranglerPath, "d1", "migrations", "apply", "DB", ...target], {
    cwd: repository,
    env: { ...process.env, CI: "true", WRANGLER_SEND_METRICS: "false" },
  });
}

/** Fires the cron trigger again and again, never two at a time. */
function startCron(gateway: RunningWorker, seconds: number, onLog: (line: string) => void) {
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  let ticking: Promise<void> = Promise.resolve();
  const fire = (): void => {
    ticking = tick();
  };
  const tick = async (): Promise<void> => {
    try {
      await gateway.tick();
    } catch (error) {
      if (!stopped) onLog(`cron tick failed: ${String(error)}`);
    }
    schedule();
  };
  const schedule = (): void => {
    if (!stopped && seconds > 0) timer = setTimeout(fire, seconds * 1000);
  };
  schedule();
  return {
    /** A tick that is under way may finish, for a moment; stopping in the middle of one is safe, too. */
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await Promise.race([ticking, new Promise((resolve) => setTimeout(resolve, 2000).unref())]);
    },
  };
}
