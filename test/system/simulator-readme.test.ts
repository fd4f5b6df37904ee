import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { expectOk } from "../../scripts/local/clients.ts";
import {
  buildWorker,
  repository,
  runWorker,
  simulatorSource,
  type RunningWorker,
} from "../../scripts/local/worker.ts";
import { faultSchema } from "../../simulator/src/faults.ts";

/** simulator/README.md as a newcomer reads it, at this test's address. */
let readme: string;
let simulator: RunningWorker;
let folder: string;

beforeAll(async () => {
  simulator = await runWorker({
    source: simulatorSource,
    script: await buildWorker(simulatorSource),
    port: 0,
  });
  const text = await readFile(join(repository, "simulator/README.md"), "utf8");
  readme = text.replaceAll("http://localhost:8788", simulator.url);
  folder = await mkdtemp(join(tmpdir(), "metergate-readme-"));
  await symlink(join(repository, "node_modules"), join(folder, "node_modules"));
});
afterAll(async () => {
  await simulator.stop();
  await rm(folder, { recursive: true, force: true });
});

const blocks = (language: string): string[] =>
  [...readme.matchAll(/^```(\w+)\n([^]*?)^```$/gm)].flatMap(([, name, content = ""]) =>
    name === language ? [content] : [],
  );

/** The cells of the table whose first column has this head, without their quotation marks. */
function table(head: string): string[][] {
  const tables = readme.split("\n\n").filter((text) => text.startsWith("|"));
  const rows = tables.map((text) => text.split("\n").filter((line) => line.startsWith("|")));
  const cells = rows.map((lines) =>
    lines.map((line) =>
      line
        .slice(1, -1)
        .split("|")
        .map((cell) => cell.replaceAll("`", "").trim()),
    ),
  );
  return cells.find(([first]) => first?.[0] === head)?.slice(2) ?? [];
}

/** Runs commands as a person pastes them, one after the other in one shell that stops at the first that fails. */
function paste(commands: string): Promise<{ code: number | null; output: string }> {
  return new Promise((resolve, reject) => {
    const path = `${dirname(process.execPath)}:${process.env["PATH"] ?? ""}`;
    const shell = spawn("sh", ["-ec", commands], { cwd: folder, env: { ...process.env, PATH: path } });
    let output = "";
    const read = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    shell.stdout.on("data", read);
    shell.stderr.on("data", read);
    shell.once("error", reject);
    shell.once("close", (code) => resolve({ code, output }));
  });
}

describe("the simulator's README", () => {
  it("begins with a command that exists", async () => {
    const { scripts } = JSON.parse(await readFile(join(repository, "package.json"), "utf8")) as {
      scripts: Record<string, string>;
    };
    expect(blocks("sh")[0]).toBe("npm run simulator\n");
    expect(scripts["simulator"]).toBe("node scripts/simulator.ts");
  });

  it("has commands that work when they are pasted one after the other", async () => {
    await writeFile(join(folder, "meter.mjs"), blocks("js")[0] ?? "");
    const [, ...commands] = blocks("sh");
    const { code, output } = await paste(commands.join("\n"));
    expect(output).toContain("Success");
    expect(output).toContain('"quantity":42');
    expect(code).toBe(0);
    // The last of them forgets everything.
    expect(await expectOk("GET", `${simulator.url}/_simulator/records`)).toMatchObject({ records: [] });
  });

  it("names every switch with its default, and no other", async () => {
    const switches = await expectOk<Record<string, unknown>>("GET", `${simulator.url}/_simulator/switches`);
    const defaults = Object.entries(switches).map(([name, value]) => [
      name,
      typeof value === "string" ? value : JSON.stringify(value),
    ]);
    // A word may be explained on the spot; what a number or a list means is in the last column.
    const named = table("Switch").map(([name, text]) => [name, text?.split(": ")[0]]);
    expect(Object.fromEntries(named)).toEqual(Object.fromEntries(defaults));
  });

  it("names every kind of fault, and no other", () => {
    const kinds = faultSchema.options.map(({ shape }) => [...shape.kind.values][0]);
    const named = table("kind").map(([name]) => name);
    expect(new Set(named)).toEqual(new Set(kinds));
  });
});
