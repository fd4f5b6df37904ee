import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { arrive, expectOk, type SimulatorAgreement } from "../../scripts/local/clients.ts";
import { demoProduct, seedDemo } from "../../scripts/local/demo-product.ts";
import { startStack, type Stack } from "../../scripts/local/stack.ts";
import { repository } from "../../scripts/local/worker.ts";

let stateDir: string;
let stack: Stack;
let readme: string;
let key: string;

beforeAll(async () => {
  stateDir = await mkdtemp(join(tmpdir(), "metergate-readme-"));
  readme = await readFile(join(repository, "README.md"), "utf8");
  const adminToken = "readme-admin";
  stack = await startStack({
    port: 0,
    simulatorPort: 0,
    stateDir,
    cronSeconds: 0,
    adminToken,
    onLog: () => {},
  });
  key = (await seedDemo(stack, adminToken, stateDir)).ingestKey;
});
afterAll(async () => {
  await stack.stop();
  await rm(stateDir, { recursive: true, force: true, maxRetries: 5 });
});

function shell(command: string, env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn("sh", ["-c", command], { env: { ...process.env, ...env } });
    let output = "";
    child.stdout.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.once("error", reject);
    child.once("close", () => resolve(output));
  });
}

describe("the README", () => {
  it("posts usage with the line it shows", async () => {
    const [, command = ""] = /```sh\n(curl [^`]+)```/.exec(readme) ?? [];
    const answer = await shell(command.replace("http://localhost:8787", stack.gateway.url), {
      METERGATE_KEY: key,
    });
    expect(JSON.parse(answer)).toMatchObject({ accepted: 1, rejected: 0 });
  });

  it("redeems a registration code with the line it shows", async () => {
    const { gateway, simulator } = stack;
    const bought = await expectOk<SimulatorAgreement>("POST", `${simulator.url}/_simulator/agreements`, {
      body: { productCode: demoProduct.productCode },
    });
    const signUpUrl = "https://seller.example/welcome";
    await expectOk("PATCH", `${gateway.url}/v1/products/${demoProduct.id}`, {
      token: "readme-admin",
      body: { signUpUrl },
    });
    const arrival = await arrive(gateway.url, bought.registrationToken);
    const address = new URL(arrival.headers.get("location") ?? "", gateway.url);
    const [command = ""] = /curl [^`]+\/v1\/registrations\/redeem[^`]+(?=```)/.exec(readme) ?? [];
    const answer = await shell(
      command
        .replace("http://localhost:8787", gateway.url)
        .replace("mgc_...", address.searchParams.get("registration_code") ?? "")
        .replace("acme", "newcomer"),
      { METERGATE_KEY: key },
    );
    expect(JSON.parse(answer)).toMatchObject({ accountId: bought.accountId, customer: "newcomer" });
  });

  it("names only npm scripts and files that are there", async () => {
    const { scripts } = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as {
      scripts: object;
    };
    const named = [...readme.matchAll(/npm (?:run )?(start|test|[\w:-]+)(?= |\n|`)/g)].map(
      ([, script]) => script,
    );
    for (const script of named.filter((name) => name !== "ci" && name !== "run"))
      expect(Object.keys(scripts)).toContain(script);
    // Addresses of others are not asked: a test reaches for no network.
    for (const [, path = ""] of readme.matchAll(/\]\((?!https:)([^)]+)\)/g)) {
      await expect(shell(`test -e ${join(repository, path)} && echo there`, {})).resolves.toBe("there\n");
    }
  });
});
