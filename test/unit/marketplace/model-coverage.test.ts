import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import * as entitlementSdk from "@aws-sdk/client-marketplace-entitlement-service";
import * as meteringSdk from "@aws-sdk/client-marketplace-metering";
import { describe, expect, it } from "vitest";
import type { ClientOptions, Outcome } from "../../../src/marketplace/index.ts";
import { createEntitlementClient, createMarketplaceClient } from "../../../src/marketplace/index.ts";
import { json, network, options } from "./stand-in.ts";

/*
 * The official SDK carries AWS's model as data. Whatever that model gains with a new version of the SDK, one of these
 * tests fails until the client and docs/aws-api.md have it.
 */

type Sample = string | number | boolean | Sample[] | { [member: string]: Sample };

interface Structure {
  readonly name: string;
  readonly members: readonly string[];
  readonly schemas: readonly unknown[];
}

interface Operation {
  readonly name: string;
  readonly input: Structure;
  readonly output: Structure;
}

/** The kinds of schema in the SDK's tables. */
const isOperation = 9;
const isStructure = 3;
const isMap = 2;
const isList = 1;
const isError = -3;

function structure(schema: unknown): Structure {
  const [, , name, , members, schemas] = schema as [number, string, string, unknown, string[], unknown[]];
  return { name, members, schemas };
}

function schemasOf(sdk: object): readonly unknown[][] {
  return Object.entries(sdk).flatMap(([name, value]) => (name.endsWith("$") ? [value as unknown[]] : []));
}

function operationsOf(sdk: object): readonly Operation[] {
  return schemasOf(sdk)
    .filter(([kind]) => kind === isOperation)
    .map(([, , name, , input, output]) => ({
      name: name as string,
      input: structure((input as () => unknown)()),
      output: structure((output as () => unknown)()),
    }));
}

function exceptionsOf(sdk: object): readonly string[] {
  const errors = schemasOf(sdk).filter(
    ([kind, namespace]) => kind === isError && !String(namespace).startsWith("smithy"),
  );
  return errors.map(([, , name]) => name as string);
}

/** Values that a pattern asks more of than to be text. */
const texts: Readonly<Record<string, string>> = {
  LicenseArn: "arn:aws:license-manager::111122223333:license:l-0123",
  CustomerAWSAccountId: "111122223333",
};

function sampleOf(schema: unknown, member: string): Sample {
  if (typeof schema === "function") return sampleOf((schema as () => unknown)(), member);
  if (typeof schema === "number") {
    const plain: Readonly<Record<number, Sample>> = {
      0: texts[member] ?? "text",
      1: 1,
      2: true,
      4: 1_795_426_200,
    };
    const sample = schema >= 64 ? [sampleOf(schema - 64, member)] : plain[schema];
    if (sample === undefined) throw new Error(`${member} is of a kind that this test does not know`);
    return sample;
  }
  const parts = schema as unknown[];
  if (typeof parts[1] !== "string") return sampleOf(parts[0], member);
  if (parts[0] === isStructure) return sampleOfAll(structure(parts));
  if (parts[0] === isList) return [sampleOf(parts[4], member)];
  if (parts[0] === isMap) return { DIMENSION: sampleOf(parts[5], member) };
  throw new Error(`${member} is of a kind that this test does not know`);
}

/** A value with every member that the model has. */
function sampleOfAll({ members, schemas }: Structure): { [member: string]: Sample } {
  return Object.fromEntries(members.map((member, index) => [member, sampleOf(schemas[index], member)]));
}

const services = [
  { sdk: meteringSdk, client: (given: ClientOptions): object => createMarketplaceClient(given) },
  { sdk: entitlementSdk, client: (given: ClientOptions): object => createEntitlementClient(given) },
];

const operations = services.flatMap(({ sdk, client }) =>
  operationsOf(sdk).map((operation) => ({ ...operation, client, exceptions: exceptionsOf(sdk) })),
);

type Method = (request: unknown) => Promise<Outcome<unknown>>;

function methodOf(client: object, { name }: Operation): Method {
  const method = (client as Record<string, Method | undefined>)[name.charAt(0).toLowerCase() + name.slice(1)];
  if (method === undefined) throw new Error(`the client has no ${name}`);
  return method;
}

/** The ways to say whose a record is exclude each other, so a request with every field takes several. */
const exclusive = [
  ["ProductCode", "CustomerIdentifier"],
  ["LicenseArn", "CustomerIdentifier"],
  ["LicenseArn", "CustomerAWSAccountId"],
];

function requestsFor({ input }: Operation): readonly string[] {
  const all = JSON.stringify(sampleOfAll(input));
  if (!all.includes("LicenseArn")) return [all];
  return exclusive.map((left) =>
    JSON.stringify(JSON.parse(all, (key, value: unknown) => (left.includes(key) ? undefined : value))),
  );
}

describe.each(operations)("$name of AWS's model", (operation) => {
  it("sends every field that a request can have", async () => {
    for (const request of requestsFor(operation)) {
      const { fetch, received } = network(json(200, {}));
      expect(await methodOf(operation.client(options(fetch)), operation)(JSON.parse(request))).toMatchObject({
        ok: true,
      });
      expect(JSON.parse(received[0]?.body ?? "null")).toEqual(JSON.parse(request));
    }
  });

  it("reads every field that a response can have", async () => {
    const [request = ""] = requestsFor(operation);
    const response = sampleOfAll(operation.output);
    const { fetch } = network(json(200, response));
    const outcome = await methodOf(operation.client(options(fetch)), operation)(JSON.parse(request));
    expect(outcome).toMatchObject({ ok: true, value: response });
  });

  it("knows every exception of the service, each as a kind of its own", async () => {
    const [request = ""] = requestsFor(operation);
    const kinds = await Promise.all(
      operation.exceptions.map(async (code) => {
        const { fetch } = network(json(400, { __type: code }));
        const outcome = await methodOf(operation.client(options(fetch)), operation)(JSON.parse(request));
        return outcome.ok ? "ok" : outcome.error.kind;
      }),
    );
    expect(new Set(kinds).size).toBe(operation.exceptions.length);
    expect(kinds).not.toContain("unknown-error");
  });
});

const root = join(import.meta.dirname, "../../..");
const documentText = readFileSync(join(root, "docs/aws-api.md"), "utf8");

/** The rows of the document's tables: what, and the files in which it is implemented and tested. */
const rows = documentText
  .split("\n")
  .map((line) => line.split("|").map((cell) => cell.trim()))
  .flatMap((cells) => {
    const [, what = "", , implemented = "", tested = ""] = cells;
    const files = (cell: string): string[] =>
      [...cell.matchAll(/`((?:src|test)\/[^`]+)`/g)].map(([, file = ""]) => file);
    const names = [...what.matchAll(/`([^`]+)`/g)].map(([, name = ""]) => name);
    return names.map((name) => ({ name, implemented: files(implemented), tested: files(tested) }));
  });

function structuresOf(sdk: object): readonly Structure[] {
  return schemasOf(sdk)
    .filter(([kind]) => kind === isStructure)
    .map(structure);
}

describe("docs/aws-api.md", () => {
  it.each(services)("has a row for every operation, field and exception", ({ sdk }) => {
    const expected = [
      ...operationsOf(sdk).map(({ name }) => name),
      ...structuresOf(sdk).flatMap(({ name, members }) => members.map((member) => `${name}.${member}`)),
      ...exceptionsOf(sdk),
    ];
    const documented = new Set(rows.map(({ name }) => name));
    expect(expected.filter((name) => !documented.has(name))).toEqual([]);
  });

  it("names files that exist", () => {
    const files = [...documentText.matchAll(/`((?:src|test)\/[^`]+\.ts)`/g)].map(([, file = ""]) => file);
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !existsSync(join(root, file)))).toEqual([]);
  });

  it("names files that speak of what the row is about", () => {
    const silent = rows.flatMap(({ name, implemented, tested }) => {
      const word = name.slice(name.lastIndexOf(".") + 1);
      return [implemented, tested].flatMap((files) =>
        files.some((file) => speaksOf(file, word)) ? [] : [`${name}: ${files.join(", ") || "no file"}`],
      );
    });
    expect(silent).toEqual([]);
  });
});

function speaksOf(file: string, word: string): boolean {
  const text = readFileSync(join(root, file), "utf8").toLowerCase();
  return text.includes(word.toLowerCase());
}
