import { execFile } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { createServer } from "node:net";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { Log, LogLevel, Miniflare, convertV4MiniflareOptions } from "miniflare";
import { unstable_getMiniflareWorkerOptions } from "wrangler";

const run = promisify(execFile);

/** The repository's root. */
export const repository = join(import.meta.dirname, "../..");

/** Wrangler's script, to be run by this Node. */
export const wranglerPath = join(repository, "node_modules/wrangler/bin/wrangler.js");

/** Which Worker of this repository: each is described once, in its own wrangler.toml. */
export interface WorkerSource {
  /** Folder name of the bundle under `dist/`. */
  readonly name: string;
  /** Path of the wrangler.toml, from the repository's root. */
  readonly config: string;
  /** The environment variable that moves its port. */
  readonly portVariable: string;
}

export const gatewaySource: WorkerSource = { name: "gateway", config: "wrangler.toml", portVariable: "PORT" };
export const simulatorSource: WorkerSource = {
  name: "simulator",
  config: "simulator/wrangler.toml",
  portVariable: "SIMULATOR_PORT",
};

/**
 * Bundles a Worker with the same esbuild run that `wrangler deploy` makes, so that what runs locally is what would be
 * deployed. The bundle is named by its content and put in place whole: test runs bundle the same Worker side by side.
 *
 * @returns the path of the bundled module
 */
export async function buildWorker(source: WorkerSource): Promise<string> {
  const outdir = await mkdtemp(join(tmpdir(), `metergate-${source.name}-`));
  try {
    const args = ["deploy", "--dry-run", "--config", join(repository, source.config), "--outdir", outdir];
    const env = { ...process.env, WRANGLER_SEND_METRICS: "false" };
    await run(process.execPath, [wranglerPath, ...args], { cwd: repository, env });
    const bundle = await readFile(join(outdir, "index.js"));
    const folder = join(
      repository,
      "dist",
      source.name,
      createHash("sha256").update(bundle).digest("hex").slice(0, 16),
    );
    await mkdir(folder, { recursive: true });
    const script = join(folder, "index.js");
    const partial = join(folder, `${randomUUID()}.partial`);
    await writeFile(partial, bundle);
    await rename(partial, script);
    return script;
  } finally {
    await rm(outdir, { recursive: true });
  }
}

export interface RunOptions {
  readonly source: WorkerSource;
  /** The bundle that {@link buildWorker} made. */
  readonly script: string;
  /** 0 picks a free port. */
  readonly port: number;
  /** Where Durable Objects and D1 keep their files; in memory when absent. */
  readonly stateDir?: string;
  /** Variables and secrets, as `wrangler secret put` would set them. */
  readonly vars?: Readonly<Record<string, string>>;
  /** Receives what the Worker logs. */
  readonly onLog?: (line: string) => void;
}

export interface RunningWorker {
  readonly url: string;
  /** Fires the cron trigger once, as Cloudflare does every minute. */
  tick(): Promise<void>;
  /** Kills workerd at once (SIGKILL); what was acknowledged is on disk. */
  stop(): Promise<void>;
}

interface ScheduledTarget {
  scheduled(options: { cron: string; scheduledTime: Date }): Promise<{ outcome: string }>;
}

/** Runs a bundled Worker on real workerd, on loopback only. Rejects when the port is taken. */
export async function runWorker(options: RunOptions): Promise<RunningWorker> {
  const { source, script, port, stateDir, vars = {}, onLog } = options;
  if (stateDir !== undefined) await mkdir(stateDir, { recursive: true });
  const { workerOptions } = unstable_getMiniflareWorkerOptions(join(repository, source.config));
  const miniflare = new Miniflare(
    convertV4MiniflareOptions({
      ...workerOptions,
      rootPath: dirname(script),
      modulesRoot: dirname(script),
      modules: [{ type: "ESModule", path: script }],
      bindings: { ...(workerOptions.bindings as Record<string, string> | undefined), ...vars },
      host: "127.0.0.1",
      port,
      cf: false,
      log: new Log(LogLevel.ERROR),
      ...(stateDir !== undefined && { resourcePersistencePath: stateDir }),
      handleStructuredLogs: ({ message }) => onLog?.(message),
    }),
  );
  const url = await miniflare.ready.catch((error: unknown) => {
    if (!String(error).includes("Address already in use")) throw error;
    const remedy = `Stop what listens there, or choose another port with ${source.portVariable}.`;
    throw new Error(`Port ${port} is taken. ${remedy}`, { cause: error });
  });
  return {
    url: url.origin,
    async tick() {
      // Miniflare types its proxies by `@cloudflare/workers-types`, which the project leaves out for `wrangler types`.
      const worker = (await miniflare.getWorker()) as unknown as ScheduledTarget;
      const { outcome } = await worker.scheduled({ cron: "* * * * *", scheduledTime: new Date() });
      if (outcome !== "ok") throw new Error(`the cron handler ended with "${outcome}"`);
    },
    stop: () => miniflare.dispose(),
  };
}

/** A port of loopback that nobody listens on at this moment. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        if (address === null || typeof address === "string")
          reject(new Error("a server on loopback has no port"));
        else resolve(address.port);
      });
    });
  });
}
