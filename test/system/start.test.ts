import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { once } from "node:events";
import { createServer as createHttpServer, type IncomingMessage } from "node:http";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { call, expectOk, type MeteringRecord, type SimulatorRecord } from "../../scripts/local/clients.ts";
import { freePort, repository } from "../../scripts/local/worker.ts";

let stateDir: string;
let running: ChildProcess[] = [];

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "metergate-start-"));
});
afterEach(async () => {
  for (const child of running) kill(child);
  running = [];
  await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

interface Started {
  readonly child: ChildProcess;
  readonly gateway: string;
  readonly simulator: string;
  readonly key: string;
  /** The lines to paste. */
  readonly setUp: string;
  readonly commands: string[];
}

/** Starts what `npm start` starts, and waits until it has said what to do next. */
async function start(env: Record<string, string> = {}): Promise<Started> {
  const [port, simulatorPort] = [await freePort(), await freePort()];
  const child = spawn(process.execPath, ["scripts/start.ts"], {
    cwd: repository,
    detached: true,
    env: {
      ...process.env,
      STATE_DIR: stateDir,
      PORT: String(port),
      SIMULATOR_PORT: String(simulatorPort),
      CRON_SECONDS: "1",
      ...env,
    },
  });
  running.push(child);
  const said = await outputUntil(
    child,
    (text) => text.split("\n").filter((line) => line.startsWith("curl ")).length === 4,
  );
  return {
    child,
    gateway: `http://127.0.0.1:${port}`,
    simulator: `http://127.0.0.1:${simulatorPort}`,
    key: /mgk_[\w-]+/.exec(said)?.[0] ?? "",
    commands: said.split("\n").filter((line) => line.startsWith("curl ")),
    /** AWS's button, for a browser. */
    setUp: /http:\S+\/set-up\?to=\S+/.exec(said)?.[0] ?? "",
  };
}

/** Kills the process and every workerd it has started, as a machine that loses power does. */
function kill({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
}

function outputUntil(child: ChildProcess, isEnough: (text: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (isEnough(text)) resolve(text);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("close", () => reject(new Error(`ended early:\n${text}`)));
  });
}

/** Runs a line as a person pastes it. */
function paste(line: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const shell = spawn("sh", ["-c", line]);
    let output = "";
    shell.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    shell.once("error", reject);
    shell.once("close", () => resolve(output));
  });
}

function portOf(server: Server): number {
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : 0;
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once("close", resolve));

/** Asks again and again, for ten seconds: the time within which the start promises the record. */
async function within10Seconds<T>(ask: () => Promise<T>, isIt: (answer: T) => boolean): Promise<T> {
  const deadline = Date.now() + 10_000;
  for (;;) {
    const answer = await ask();
    if (isIt(answer) || Date.now() > deadline) return answer;
  }
}

describe("npm start", () => {
  it("brings what its printed line posts to AWS's books within ten seconds, and shows both sides", async () => {
    const { commands } = await start();
    const [post = "", showLedger = "", showBooks = ""] = commands;
    expect(JSON.parse(await paste(post))).toMatchObject({ accepted: 1, duplicates: 0, rejected: 0 });
    expect(JSON.parse(await paste(post))).toMatchObject({ accepted: 0, duplicates: 1 });
    const ledger = await within10Seconds(
      async () => JSON.parse(await paste(showLedger)) as { records: MeteringRecord[] },
      ({ records }) => records[0]?.state === "delivered",
    );
    const books = JSON.parse(await paste(showBooks)) as { records: SimulatorRecord[] };
    expect(ledger.records).toMatchObject([{ dimension: "api_calls", quantity: 42, state: "delivered" }]);
    expect(books.records).toMatchObject([{ dimension: "api_calls", quantity: 42 }]);
  });

  it("lets a browser come as its customer, AWS tell that the customer leaves, and the tour be taken again", async () => {
    const { commands, setUp, gateway, child } = await start();
    const page = await (await fetch(setUp)).text();
    const [, action = ""] = /<form method="post" action="([^"]+)"/.exec(page) ?? [];
    const [, token = ""] = /value="([^"]+)"/.exec(page) ?? [];
    const arrival = await fetch(action, {
      method: "POST",
      body: new URLSearchParams({ "x-amzn-marketplace-token": token }),
    });
    expect(await arrival.text()).toContain("Demo seller");
    expect(JSON.parse(await paste(commands[3] ?? ""))).toMatchObject({ delivery: { status: 200 } });
    const { agreements } = await expectOk<{ agreements: object[] }>("GET", `${gateway}/v1/agreements`, {
      token: "dev-admin",
    });
    expect(agreements).toMatchObject([{ state: "ending" }]);

    const stopped = ended(child);
    child.kill("SIGINT");
    await stopped;
    const next = await start();
    const [post = "", show = ""] = next.commands;
    expect(JSON.parse(await paste(post))).toMatchObject({ accepted: 1 });
    const shown = () => paste(show);
    await within10Seconds(shown, (seen) => seen.includes('"delivered"'));
    expect(await shown()).toContain('"delivered"');
  });

  it("takes SNS's notices by the addresses that it prints, and sets a customer up anew when the simulator is reset", async () => {
    const first = await start({ CRON_SECONDS: "0" });
    const [, simulator = "", agreement = ""] =
      /(http:\/\/localhost:\d+)\/_simulator\/agreements\/([\w-]+)\/set-up/.exec(first.setUp) ?? [];
    const topic =
      "arn:aws:sns:us-east-1:287250355862:aws-mp-subscription-notification-demo0product0code00000001";
    await expectOk("PATCH", `${first.gateway}/v1/products/demo`, {
      token: "dev-admin",
      body: { snsTopics: [topic] },
    });
    const told = await expectOk("POST", `${simulator}/_simulator/agreements/${agreement}/notices`, {
      body: { via: "sns", kind: "subscribe-success", to: `${first.gateway}/aws/sns` },
    });
    expect(told).toMatchObject({ delivery: { status: 200 } });

    await expectOk("POST", `${simulator}/_simulator/reset`, {});
    const stopped = ended(first.child);
    first.child.kill("SIGINT");
    await stopped;
    const next = await start({ CRON_SECONDS: "0" });
    expect(next.setUp).not.toContain(agreement);
    expect((await fetch(next.setUp)).status).toBe(200);
  });

  it("ends with Ctrl-C, frees its ports, and goes on where it stopped", async () => {
    const first = await start({ CRON_SECONDS: "0" });
    const post = first.commands[0] ?? "";
    await paste(post);
    const stopped = ended(first.child);
    first.child.kill("SIGINT");
    expect(await stopped).toBe(0);
    await expect(fetch(first.gateway)).rejects.toThrow("fetch failed");
    await expect(fetch(first.simulator)).rejects.toThrow("fetch failed");

    const second = await start();
    expect(second.key).toBe(first.key);
    const again = await paste(post.replace(first.gateway.replace("127.0.0.1", "localhost"), second.gateway));
    expect(JSON.parse(again)).toMatchObject({ duplicates: 1 });
    const records = () =>
      expectOk<{ records: SimulatorRecord[] }>("GET", `${second.simulator}/_simulator/records`);
    const held = await within10Seconds(records, (seen) => seen.records.length > 0);
    expect(held.records).toMatchObject([{ quantity: 42 }]);
  });

  it("loses nothing it has acknowledged when it is killed", async () => {
    const first = await start({ CRON_SECONDS: "0" });
    const time = new Date(Date.now() - 3_600_000).toISOString();
    const events = Array.from({ length: 50 }, (_, n) => ({
      id: `e${n}`,
      customer: "acme",
      dimension: "storage_gb",
      quantity: 1,
      timestamp: time,
    }));
    const answers = await Promise.all(
      events.map((body) =>
        call<{ accepted: number }>("POST", `${first.gateway}/v1/usage`, { token: first.key, body }),
      ),
    );
    expect(answers.every(({ status }) => status === 202)).toBe(true);
    const killed = ended(first.child);
    kill(first.child);
    await killed;

    const second = await start();
    const retried = await call<{ duplicates: number }>("POST", `${second.gateway}/v1/usage`, {
      token: second.key,
      body: events,
    });
    expect(retried.body.duplicates).toBe(50);
    const records = () =>
      expectOk<{ records: SimulatorRecord[] }>("GET", `${second.simulator}/_simulator/records`);
    const held = await within10Seconds(records, (seen) => seen.records.length > 0);
    expect(held.records).toMatchObject([{ dimension: "storage_gb", quantity: 50 }]);
  });

  it("posts webhook messages to WEBHOOK_URL", async () => {
    const receiver = createHttpServer((_request, response) => response.end()).listen(0, "127.0.0.1");
    await once(receiver, "listening");
    const told = once(receiver, "request", { signal: AbortSignal.timeout(50_000) });
    const secret = `whsec_${btoa("a secret of twenty-four b")}`;
    await start({ WEBHOOK_URL: `http://127.0.0.1:${portOf(receiver)}/`, WEBHOOK_SECRET: secret });
    const [request] = (await told) as [IncomingMessage];
    expect(request.headers["webhook-signature"]).toMatch(/^v1,/);
    receiver.close();
  });

  it("says so when a port is taken, and leaves nothing running", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const taken = portOf(server);
    await expect(start({ PORT: String(taken) })).rejects.toThrow(
      new RegExp(`port ${taken} is taken.*PORT`, "is"),
    );
    server.close();
  });

  it.each(["eighty", "-1", "70000"])("says so when PORT is %s", async (port) => {
    await expect(start({ PORT: port })).rejects.toThrow("PORT must be a port from 0 to 65535");
  });
});
