import { spawn, type ChildProcess } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  BatchMeterUsageCommand,
  InvalidProductCodeException,
  MarketplaceMeteringClient,
  ResolveCustomerCommand,
} from "@aws-sdk/client-marketplace-metering";
import {
  GetEntitlementsCommand,
  MarketplaceEntitlementServiceClient,
} from "@aws-sdk/client-marketplace-entitlement-service";
import { AssumeRoleCommand, STSClient } from "@aws-sdk/client-sts";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { expectOk, type SimulatorAgreement, type SimulatorRecord } from "../../scripts/local/clients.ts";
import { freePort, repository } from "../../scripts/local/worker.ts";

let stateDir: string;
let running: ChildProcess[] = [];

beforeEach(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "metergate-simulator-"));
});
afterEach(async () => {
  vi.unstubAllEnvs();
  for (const child of running) kill(child);
  running = [];
  await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

interface Started {
  readonly child: ChildProcess;
  readonly url: string;
  /** What it says to export. */
  readonly exports: readonly (readonly [string, string])[];
}

/** Starts what `npm run simulator` starts, and waits until it has said what to do next. */
async function start(port: number | string): Promise<Started> {
  const child = spawn(process.execPath, ["scripts/simulator.ts"], {
    cwd: repository,
    detached: true,
    env: { ...process.env, STATE_DIR: stateDir, SIMULATOR_PORT: String(port) },
  });
  running.push(child);
  const said = await outputUntil(child, "AWS_REGION=");
  const exports = [...said.matchAll(/^export (\w+)=(.*)$/gm)].map(
    ([, name = "", value = ""]) => [name, value] as const,
  );
  return { child, url: `http://127.0.0.1:${port}`, exports };
}

function outputUntil(child: ChildProcess, last: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = "";
    const read = (chunk: Buffer): void => {
      text += chunk.toString();
      if (text.includes(last) && text.endsWith("\n")) resolve(text);
    };
    child.stdout?.on("data", read);
    child.stderr?.on("data", read);
    child.once("close", (code) => reject(new Error(`ended with ${code}:\n${text}`)));
  });
}

/** Kills the process and its workerd, as a machine that loses power does. */
function kill({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid !== undefined && exitCode === null && signalCode === null) process.kill(-pid, "SIGKILL");
}

const ended = (child: ChildProcess): Promise<number | null> =>
  new Promise((resolve) => child.once("close", resolve));

/** Sets the environment as it was printed: all that a client is told. */
function useEnvironment({ exports }: Started): void {
  for (const [name, value] of exports) vi.stubEnv(name, value);
}

function sdkOf(simulator: Started): MarketplaceMeteringClient {
  useEnvironment(simulator);
  return new MarketplaceMeteringClient();
}

async function newCustomer(url: string): Promise<SimulatorAgreement> {
  const productCode = "someproduct";
  await expectOk("POST", `${url}/_simulator/products`, { body: { productCode, dimensions: ["requests"] } });
  return expectOk("POST", `${url}/_simulator/agreements`, { body: { productCode } });
}

const usageOf = ({ accountId, licenseArn }: SimulatorAgreement) => ({
  Timestamp: new Date(Date.now() - 3_600_000),
  Dimension: "requests",
  Quantity: 5,
  CustomerAWSAccountId: accountId,
  LicenseArn: licenseArn,
});

const books = async (url: string): Promise<readonly SimulatorRecord[]> =>
  (await expectOk<{ records: SimulatorRecord[] }>("GET", `${url}/_simulator/records`)).records;

describe("npm run simulator", () => {
  it("serves the official SDK, which is told nothing but the printed environment", async () => {
    const simulator = await start(await freePort());
    const customer = await newCustomer(simulator.url);
    const sdk = sdkOf(simulator);
    const resolved = await sdk.send(
      new ResolveCustomerCommand({ RegistrationToken: customer.registrationToken }),
    );
    expect(resolved).toMatchObject({
      CustomerAWSAccountId: customer.accountId,
      LicenseArn: customer.licenseArn,
      ProductCode: "someproduct",
    });
    const metered = await sdk.send(new BatchMeterUsageCommand({ UsageRecords: [usageOf(customer)] }));
    expect(metered.Results).toMatchObject([{ Status: "Success", UsageRecord: { Quantity: 5 } }]);
    expect(metered.UnprocessedRecords).toEqual([]);
    expect(await books(simulator.url)).toMatchObject([{ quantity: 5, accountId: customer.accountId }]);
    await expect(
      sdk.send(new BatchMeterUsageCommand({ ProductCode: "unknown", UsageRecords: [] })),
    ).rejects.toBeInstanceOf(InvalidProductCodeException);
  });

  it("serves the clients of the entitlement service and of STS in the same environment", async () => {
    const simulator = await start(await freePort());
    const { accountId } = await newCustomer(simulator.url);
    useEnvironment(simulator);
    const contracts = new MarketplaceEntitlementServiceClient();
    expect(await contracts.send(new GetEntitlementsCommand({ ProductCode: "someproduct" }))).toMatchObject({
      Entitlements: [],
    });
    const roleArn = `arn:aws:iam::${accountId}:role/software`;
    await expectOk("POST", `${simulator.url}/_simulator/roles`, { body: { roleArn } });
    const sts = new STSClient();
    const { AssumedRoleUser } = await sts.send(
      new AssumeRoleCommand({ RoleArn: roleArn, RoleSessionName: "software" }),
    );
    expect(AssumedRoleUser?.Arn).toBe(`arn:aws:sts::${accountId}:assumed-role/software/software`);
  });

  it("has after a kill and a restart what it had before, and forgets all of it in one call", async () => {
    const port = await freePort();
    const first = await start(port);
    const customer = await newCustomer(first.url);
    const usage = usageOf(customer);
    const sdk = sdkOf(first);
    const before = await sdk.send(new BatchMeterUsageCommand({ UsageRecords: [usage] }));
    await expectOk("POST", `${first.url}/_simulator/clock`, { body: { offsetSeconds: 120 } });
    await expectOk("PATCH", `${first.url}/_simulator/switches`, { body: { tokenTtlHours: 1 } });
    const killed = ended(first.child);
    kill(first.child);
    await killed;

    const second = await start(port);
    const again = await sdk.send(new BatchMeterUsageCommand({ UsageRecords: [usage] }));
    expect(again.Results?.[0]?.MeteringRecordId).toBe(before.Results?.[0]?.MeteringRecordId);
    expect(await books(second.url)).toHaveLength(1);
    expect(await expectOk("GET", `${second.url}/_simulator/clock`)).toMatchObject({ offsetSeconds: 120 });
    expect(await expectOk("GET", `${second.url}/_simulator/switches`)).toMatchObject({ tokenTtlHours: 1 });

    await expectOk("POST", `${second.url}/_simulator/reset`);
    expect(await books(second.url)).toEqual([]);
    expect(await expectOk("GET", `${second.url}/_simulator/products`)).toEqual({ products: [] });
    expect(await expectOk("GET", `${second.url}/_simulator/clock`)).toMatchObject({ offsetSeconds: 0 });
  });

  it("ends with Ctrl-C and frees its port", async () => {
    const { child, url } = await start(await freePort());
    const stopped = ended(child);
    child.kill("SIGINT");
    expect(await stopped).toBe(0);
    await expect(fetch(url)).rejects.toThrow("fetch failed");
  });

  it("says in one sentence that its port is taken, and ends with 1", async () => {
    const server = createServer().listen(0, "127.0.0.1");
    await new Promise((resolve) => server.once("listening", resolve));
    const address = server.address();
    const taken = typeof address === "object" && address !== null ? address.port : 0;
    await expect(start(taken)).rejects.toThrow(
      new RegExp(`ended with 1:[^]*Port ${taken} is taken\\..*SIMULATOR_PORT`),
    );
    server.close();
  });

  it("says so when SIMULATOR_PORT is none", async () => {
    await expect(start("eighty")).rejects.toThrow("SIMULATOR_PORT must be a port from 0 to 65535");
  });
});
