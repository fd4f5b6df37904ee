import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { nanoOf } from "../../scripts/demo/decimal.ts";
import { expectOk, type Conservation } from "../../scripts/local/clients.ts";
import { demoProduct, seedDemo, type Demo } from "../../scripts/local/demo-product.ts";
import { startStack, type Stack } from "../../scripts/local/stack.ts";
import { repository } from "../../scripts/local/worker.ts";

const adminToken = "examples-admin";
const [dimension] = demoProduct.dimensions;

/** Compiling the first Go program of a machine takes a while. */
const limit = 120_000;

interface Example {
  readonly file: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Tells whether the machine has the language. What Metergate itself needs has to be there. */
  readonly probe?: readonly string[];
}

const examples: readonly Example[] = [
  { file: "usage.sh", command: "bash", args: [] },
  { file: "usage.mjs", command: process.execPath, args: [] },
  { file: "usage.py", command: "python3", args: [], probe: ["--version"] },
  { file: "usage.go", command: "go", args: ["run"], probe: ["version"] },
];

const isThere = ({ command, probe }: Example): boolean =>
  probe === undefined || spawnSync(command, probe).status === 0;

let stateDir: string;
let stack: Stack;
let demo: Demo;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "metergate-examples-"));
  const ports = { port: 0, simulatorPort: 0 };
  stack = await startStack({ ...ports, stateDir, cronSeconds: 0, adminToken, onLog: () => undefined });
  demo = await seedDemo(stack, adminToken, stateDir);
});
afterAll(async () => {
  await stack.stop();
  await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

const probed = examples.map((example) => {
  const present = isThere(example);
  const missing = present ? "" : ` (not run: ${example.command} is not on this machine)`;
  return { ...example, present, title: `examples/${example.file}${missing}` };
});

describe.each(probed)("$title", ({ present, ...example }) => {
  it.skipIf(!present)("posts an event that is counted", { timeout: limit }, async () => {
    const before = await accepted();
    const { code, output } = await run(example, { METERGATE_URL: stack.gateway.url });
    expect(output).toMatch(/"accepted": ?1/);
    expect(code).toBe(0);
    expect((await accepted()) - before).toBe(nanoOf("1.5"));
  });

  it.skipIf(!present)(
    "posts it again when the answer is lost, and it is counted once",
    { timeout: limit },
    async () => {
      const before = await accepted();
      const link = await faultyLink(stack.gateway.url);
      const { code, output } = await run(example, { METERGATE_URL: link.url });
      link.server.close();
      expect(code).toBe(0);
      expect(output).toMatch(/"duplicates": ?1/);
      expect(link.requests).toHaveLength(2);
      expect(new Set(link.requests).size).toBe(1);
      expect((await accepted()) - before).toBe(nanoOf("1.5"));
    },
  );

  it.skipIf(!present)("fails with the reason when it is refused", { timeout: limit }, async () => {
    const settings = { METERGATE_URL: stack.gateway.url, METERGATE_KEY: "mgk_wrong" };
    const { code, output } = await run(example, settings);
    expect(output).toContain("Send an ingest key that is in force");
    expect(code).not.toBe(0);
  });
});

/** Runs an example as its README says. */
async function run({ file, command, args }: Example, settings: Record<string, string>) {
  const child = spawn(command, [...args, `examples/${file}`], {
    cwd: repository,
    env: {
      ...process.env,
      METERGATE_KEY: demo.ingestKey,
      CUSTOMER: demo.agreement.customer ?? "",
      DIMENSION: dimension,
      ...settings,
    },
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  }
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on("error", reject);
    child.on("close", resolve);
  });
  return { code, output };
}

/** All that the gateway has accepted of the dimension, in billionths. */
async function accepted(): Promise<bigint> {
  const url = `${stack.gateway.url}/v1/conservation?product=${demoProduct.id}`;
  const { accounts } = await expectOk<Conservation>("GET", url, { token: adminToken });
  return accounts
    .filter((account) => account.dimension === dimension)
    .reduce((sum, account) => sum + nanoOf(account.accepted), 0n);
}

interface Link {
  readonly url: string;
  readonly server: Server;
  /** Bodies in the order of their arrival. */
  readonly requests: readonly string[];
}

/** A network that brings everything to the gateway, but loses the first answer on the way back. */
async function faultyLink(gateway: string): Promise<Link> {
  const requests: string[] = [];
  const forward = async (request: IncomingMessage): Promise<Response> => {
    const body = await textOf(request);
    requests.push(body);
    const { authorization = "", "content-type": type = "" } = request.headers;
    return fetch(`${gateway}${request.url ?? ""}`, {
      method: request.method ?? "GET",
      headers: { authorization, "content-type": type },
      body,
    });
  };
  const server = createServer((request, response) => {
    void (async () => {
      const answer = await forward(request);
      if (requests.length === 1) response.destroy();
      else response.writeHead(answer.status, { "content-type": "application/json" }).end(await answer.text());
    })();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("a listening server has a port");
  return { url: `http://127.0.0.1:${address.port}`, server, requests };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request) text += String(chunk);
  return text;
}
