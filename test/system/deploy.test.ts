import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { repository } from "../../scripts/local/worker.ts";

let folder: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "metergate-deploy-"));
});
afterEach(() => rm(folder, { recursive: true }));

/** Stands where Cloudflare is: a wrangler that writes down how it was called, and answers what the test says. */
async function standInWrangler(
  answers: Record<string, { output?: unknown; code?: number }>,
): Promise<string> {
  const path = join(folder, "wrangler.mjs");
  await writeFile(
    path,
    `import { appendFileSync } from "node:fs";
     const args = process.argv.slice(2).join(" ");
     appendFileSync(${JSON.stringify(join(folder, "calls"))}, args + "\\n");
     const answers = ${JSON.stringify(answers)};
     const found = Object.entries(answers).find(([start]) => args.startsWith(start))?.[1] ?? {};
     if (found.output !== undefined) console.log(JSON.stringify(found.output));
     process.exitCode = found.code ?? 0;`,
  );
  return path;
}

async function deploy(answers: Parameters<typeof standInWrangler>[0], ...args: string[]) {
  const METERGATE_WRANGLER = await standInWrangler(answers);
  const finished = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) => {
    const command = [join(repository, "scripts/deploy.ts"), ...args];
    execFile(
      process.execPath,
      command,
      { env: { ...process.env, METERGATE_WRANGLER } },
      (error, stdout, stderr) => {
        resolve({ code: error === null ? 0 : 1, stdout, stderr });
      },
    );
  });
  return { ...finished, calls: (await readFile(join(folder, "calls"), "utf8")).trim().split("\n") };
}

describe("npm run deploy", () => {
  it("creates the ledger, gives it its tables, and only then deploys; then says which secrets to set", async () => {
    const { code, calls, stdout } = await deploy({
      "d1 list": { output: [] },
      "secret list": { output: [{ name: "ADMIN_TOKEN" }] },
    });
    expect(code).toBe(0);
    expect(calls).toEqual([
      "d1 list --json",
      "d1 create metergate-ledger --update-config=false",
      "d1 migrations apply DB --remote",
      "deploy",
      "secret list --format json",
    ]);
    expect(stdout).toContain("wrangler secret put AWS_ACCESS_KEY_ID");
    expect(stdout).not.toContain("wrangler secret put ADMIN_TOKEN");
    expect(stdout).toContain("/register");
  });

  it("keeps a ledger that is there", async () => {
    const { calls } = await deploy({
      "d1 list": { output: [{ name: "metergate-ledger" }] },
      "secret list": { output: [] },
    });
    expect(calls).not.toContainEqual(expect.stringContaining("d1 create"));
  });

  it("does not deploy over a ledger whose migrations failed", async () => {
    const { code, calls, stderr } = await deploy({ "d1 list": { output: [] }, "d1 migrations": { code: 1 } });
    expect(code).toBe(1);
    expect(calls).not.toContain("deploy");
    expect(stderr).toContain("Applying the migrations");
  });

  it("says how to log in when Cloudflare does not know who asks", async () => {
    const { code, stderr } = await deploy({ "d1 list": { code: 1 } });
    expect(code).toBe(1);
    expect(stderr).toContain("npx wrangler login");
  });

  it("with --dry-run touches nothing", async () => {
    const { code, calls } = await deploy({}, "--dry-run");
    expect(code).toBe(0);
    expect(calls).toEqual(["deploy --dry-run"]);
  });
});
