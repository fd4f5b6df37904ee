import { readdir, readFile, mkdtemp, rm } from "node:fs/promises";
import { request } from "node:http";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pipeline } from "node:stream/promises";
import { setImmediate } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  arrive,
  call,
  expectOk,
  type Conservation,
  type SimulatorAgreement,
} from "../../scripts/local/clients.ts";
import { startStack, type Stack } from "../../scripts/local/stack.ts";

const MEGABYTE = 1_000_000;
const adminToken = "hostile-bodies-admin";

let stateDir: string;
let stack: Stack;
let key: string;
let customer: string;
const logged: string[] = [];

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "metergate-hostile-"));
  stack = await startStack({
    port: 0,
    simulatorPort: 0,
    stateDir,
    cronSeconds: 0,
    adminToken,
    onLog: (line) => logged.push(line),
  });
  const { gateway, simulator } = stack;
  const product = { productCode: "hostile", dimensions: ["api"] };
  await expectOk("POST", `${simulator.url}/_simulator/products`, { body: product });
  const body = { ...product, signUpUrl: "https://seller.test/" };
  await expectOk("POST", `${gateway.url}/v1/products`, { token: adminToken, body });
  ({ key } = await expectOk<{ key: string }>("POST", `${gateway.url}/v1/keys`, {
    token: adminToken,
    body: { product: "hostile" },
  }));
  const agreement = await expectOk<SimulatorAgreement>("POST", `${simulator.url}/_simulator/agreements`, {
    body: { productCode: "hostile" },
  });
  customer = agreement.accountId;
  await arrive(gateway.url, agreement.registrationToken);
});
afterAll(async () => {
  await stack.stop();
  await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

const usage = (id: string) => ({ id, customer, dimension: "api", quantity: 1 });

/** Posts usage as a customer's program does meanwhile; every one must be counted. */
async function expectServed(count: number): Promise<void> {
  const before = await accepted();
  const answers = await Promise.all(
    Array.from({ length: count }, () =>
      call("POST", `${stack.gateway.url}/v1/usage`, { token: key, body: usage(crypto.randomUUID()) }),
    ),
  );
  expect(answers.map(({ status }) => status)).toEqual(Array.from({ length: count }, () => 202));
  expect(await accepted()).toBe(before + count);
}

async function accepted(): Promise<number> {
  const url = `${stack.gateway.url}/v1/conservation`;
  const { totals } = await expectOk<Conservation>("GET", url, { token: adminToken });
  expect(totals.conserved).toBe(true);
  return Number(totals.accepted);
}

/** The most that the processes of workerd have held, in bytes (proc(5)); other systems than Linux do not tell, so 0. */
async function peakMemory(): Promise<number> {
  if (process.platform !== "linux") return 0;
  let peak = 0;
  for (const task of await readdir("/proc/self/task")) {
    const children = await readFile(`/proc/self/task/${task}/children`, "utf8");
    for (const pid of children.split(" ").filter((each) => each !== "")) {
      const status = await readFile(`/proc/${pid}/status`, "utf8");
      if (status.startsWith("Name:\tworkerd")) peak += 1024 * Number(/VmHWM:\s*(\d+)/.exec(status)?.[1] ?? 0);
    }
  }
  expect(peak).toBeGreaterThan(MEGABYTE);
  return peak;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

interface Upload {
  readonly method?: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly pieces: () => Iterable<Buffer>;
}

/**
 * Writes a body until there is an answer. The gateway closes the connection on one that it has refused, and a client
 * that writes at that moment may lose the answer (RFC 9112, 9.6): it then comes again.
 */
async function upload(body: Upload): Promise<Answer> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await uploadOnce(body);
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
}

function uploadOnce({ method = "POST", path, headers, pieces }: Upload): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = request(stack.gateway.url + path, { method, headers });
    outgoing.on("error", reject);
    outgoing.once("response", (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.once("error", reject);
      response.once("end", () => {
        resolve({ status: response.statusCode ?? 0, text });
        outgoing.destroy();
      });
    });
    void pipeline(paced(pieces()), outgoing).catch(reject);
  });
}

/** Lets the connection be read between any two pieces. */
async function* paced(pieces: Iterable<Buffer>): AsyncGenerator<Buffer> {
  for (const piece of pieces) {
    yield piece;
    await setImmediate();
  }
}

function* pieces(bytes: number): Generator<Buffer> {
  const piece = Buffer.alloc(100_000, " ");
  for (let sent = 0; sent < bytes; sent += piece.length) yield piece;
}

const withKey = () => ({ authorization: `Bearer ${key}`, "content-type": "application/json" });
const asOperator = () => ({ authorization: `Bearer ${adminToken}`, "content-type": "application/json" });
const asBrowser = () => ({ "content-type": "application/x-www-form-urlencoded" });

const bodies: [string, string, string, () => Record<string, string>, string?][] = [
  ["POST /v1/usage", "POST", "/v1/usage", withKey],
  ["POST /v1/products", "POST", "/v1/products", asOperator],
  ["PATCH /v1/products/{id}", "PATCH", "/v1/products/hostile", asOperator],
  ["POST /v1/keys", "POST", "/v1/keys", asOperator],
  ["POST /register", "POST", "/register", asBrowser, "That was too much to send"],
];

describe.each(bodies)("%s", (_name, method, path, headers, refusal = "too_large") => {
  const length = 100 * MEGABYTE;

  it.each([
    ["that says so", (): Record<string, string> => ({ "content-length": String(length) })],
    ["in chunks", (): Record<string, string> => ({ "transfer-encoding": "chunked" })],
  ])("refuses 100 MB %s, takes no memory for it and serves on", async (_what, framing) => {
    await expectServed(5);
    const before = await peakMemory();
    const answer = await upload({
      method,
      path,
      headers: { ...headers(), ...framing() },
      pieces: () => pieces(length),
    });
    expect(answer.text).toContain(refusal);
    expect(answer.status).toBe(413);
    expect((await peakMemory()) - before).toBeLessThan(length / 2);
    await expectServed(5);
  });
});

describe("the gateway", () => {
  it("refuses a gzip bomb of 200 MB without unpacking it", async () => {
    const bomb = gzipSync(Buffer.alloc(200 * MEGABYTE, " "));
    expect(bomb.length).toBeLessThan(MEGABYTE);
    const before = await peakMemory();
    for (const [path, headers] of [
      ["/v1/usage", withKey()],
      ["/v1/products", asOperator()],
    ] as const) {
      const answer = await upload({
        path,
        headers: { ...headers, "content-encoding": "gzip" },
        pieces: () => [bomb],
      });
      expect(answer.text).toContain("unsupported_media_type");
      expect(answer.status).toBe(415);
    }
    expect((await peakMemory()) - before).toBeLessThan(100 * MEGABYTE);
    await expectServed(5);
  });

  it.each([
    ["brackets", "[".repeat(MEGABYTE / 2) + "]".repeat(MEGABYTE / 2)],
    ["brackets that stay open", "[".repeat(MEGABYTE)],
    ["braces", `{"n":0.12345678901234567,"a":${'{"a":'.repeat(150_000)}1${"}".repeat(150_000)}}`],
  ])("refuses hundreds of thousands of nested %s, and serves on", async (_what, body) => {
    for (const [path, headers] of [
      ["/v1/usage", withKey()],
      ["/v1/products", asOperator()],
    ] as const) {
      const { status } = await upload({ path, headers, pieces: () => [Buffer.from(body)] });
      expect([400, 422]).toContain(status);
    }
    await expectServed(5);
  });

  it("serves others while bodies come slowly or not at all, and takes a slow one when it has come", async () => {
    const body = Buffer.from(JSON.stringify(usage("slow")));
    const head = `POST /v1/usage HTTP/1.1\r\nhost: gateway\r\nauthorization: Bearer ${key}\r\ncontent-type: application/json\r\n`;
    const stuck = await Promise.all(Array.from({ length: 100 }, () => open()));
    try {
      for (const socket of stuck) socket.write(`${head}content-length: ${body.length}\r\n\r\n{"id`);
      const headless = await open();
      stuck.push(headless);
      headless.write(head);
      await expectServed(50);
      const slow = await open();
      stuck.push(slow);
      slow.write(`${head}connection: close\r\ncontent-length: ${body.length}\r\n\r\n`);
      for (const byte of body.subarray(0, -1)) slow.write(Buffer.of(byte));
      await expectServed(5);
      const answer = textOf(slow);
      slow.write(body.subarray(-1));
      expect(await answer).toMatch(/^HTTP\/1\.1 202 [^]*"accepted":1/);
    } finally {
      for (const socket of stuck) socket.destroy();
    }
    // Nobody has finished the others, so nothing of theirs is counted.
    await expectServed(5);
  });

  it("refuses a flood of headers, and serves on", async () => {
    const socket = await open();
    const flood = Array.from({ length: 20_000 }, (_, n) => `x-header-${n}: ${"y".repeat(50)}\r\n`).join("");
    const answer = textOf(socket);
    socket.write(
      `POST /v1/usage HTTP/1.1\r\nhost: gateway\r\nconnection: close\r\n${flood}content-length: 2\r\n\r\n{}`,
    );
    expect(await answer).toMatch(/^HTTP\/1\.1 4\d\d /);
    await expectServed(5);
  });

  it("refuses what is hardly HTTP, and serves on", async () => {
    const wrong = [
      "FOO /v1/usage HTTP/1.1\r\nhost: gateway\r\n\r\n",
      "POST /v1/usage HTTP/1.1\r\nhost: gateway\r\ncontent-length: -1\r\n\r\n",
      "POST /v1/usage HTTP/1.1\r\nhost: gateway\r\ncontent-length: 99999999999999999999\r\n\r\n",
      "POST /v1/usage HTTP/1.1\r\nhost: gateway\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n",
      "\u0000\u0001\u0002\r\n\r\n",
    ];
    for (const text of wrong) {
      const socket = await open();
      const answer = textOf(socket);
      socket.end(text);
      expect(await answer).not.toMatch(/^HTTP\/1\.1 (?:2|50[0235])/);
    }
    await expectServed(5);
  });

  it("has logged neither a key nor a token, whatever came", () => {
    const text = logged.join("\n");
    expect(text).not.toContain(key);
    expect(text).not.toContain(adminToken);
  });
});

function open(): Promise<Socket> {
  const { hostname, port } = new URL(stack.gateway.url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => resolve(socket));
    socket.once("error", reject);
  });
}

/** All that a connection says until it is closed, by whomever and however. */
function textOf(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    socket.on("data", (chunk: Buffer) => (text += chunk.toString()));
    socket.on("error", () => resolve(text));
    socket.once("close", () => resolve(text));
  });
}
