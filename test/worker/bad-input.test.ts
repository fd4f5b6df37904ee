import fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import { isText } from "../../src/text.ts";
import { bodyWith, describedEndpoints, nameOf, type Endpoint, type FieldPath } from "./support/endpoints.ts";
import { call } from "./support/gateway.ts";
import {
  addressTexts,
  anyAddressText,
  anyJson,
  anyText,
  neverRight,
  wrongAuthorizations,
} from "./support/hostile.ts";
import { everythingStored, expectRefusal, newWorld, type World } from "./support/refusals.ts";

// A test here is a hundred requests, and AWS's token is asked of the simulator each time.
vi.setConfig({ testTimeout: 30_000 });

const endpoints = await describedEndpoints();
const withJson = endpoints.filter(({ body }) => body?.mediaType === "application/json");

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

function send(endpoint: Endpoint, init: { path?: string; query?: string; body?: string } = {}) {
  const { path = world.pathOf(endpoint), query = "" } = init;
  const token = world.tokenOf(endpoint);
  const body = init.body ?? (endpoint.body === null ? undefined : sampleOf(endpoint));
  return call(endpoint.method, path + query, {
    ...(token !== null && { token }),
    ...(body !== undefined && { body }),
    ...(endpoint.body !== null && { headers: { "content-type": endpoint.body.mediaType } }),
  });
}

const isHeader = (text: string): boolean => !/[\r\n\0]/.test(text);

const sampleOf = (endpoint: Endpoint): string =>
  endpoint.body?.mediaType === "application/json"
    ? bodyWith(world.bodiesOf(endpoint), [], JSON.stringify(world.bodiesOf(endpoint)[0]))
    : "";

/** Whether a request was taken; when not, it was refused clearly. */
async function isTaken(response: Response): Promise<boolean> {
  if (!response.ok) await expectRefusal(response);
  return response.ok;
}

/** Every text in a value, names of fields too. */
function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, member]) => [name, ...textsIn(member)]);
}

describe("a right request", () => {
  // Without it a hostile field would be refused for another's sake, and the tests below would say nothing.
  it.each(withJson.map((endpoint) => ({ name: nameOf(endpoint), endpoint })))(
    "is known here for $name, in every shape, and taken",
    async ({ endpoint }) => {
      const world = await newWorld();
      const bodies = world.bodiesOf(endpoint);
      // Of an endpoint that is new, newWorld does not know them yet.
      expect(bodies.length).toBeGreaterThan(0);
      for (const body of bodies) {
        const token = world.tokenOf(endpoint);
        const response = await call(endpoint.method, world.pathOf(endpoint), {
          ...(token !== null && { token }),
          body,
        });
        expect([response.ok, await response.text()]).toEqual([true, expect.any(String)]);
      }
    },
  );
});

describe("a form's field", () => {
  const forms = endpoints.filter(({ body }) => body?.mediaType === "application/x-www-form-urlencoded");
  const fields = forms.flatMap((endpoint) =>
    (endpoint.body?.fields ?? [])
      .filter(({ length }) => length > 0)
      .map(([field]): [string, Endpoint, string] => [
        `${nameOf(endpoint)} ${field}`,
        endpoint,
        String(field),
      ]),
  );

  it.each(fields)("of %s is refused whatever it is", async (_name, endpoint, field) => {
    const texts = [...addressTexts, "", "a&".repeat(10_000), `a&${field}=b`];
    const before = await everythingStored(world);
    for (const text of texts) await expectRefusal(await send(endpoint, { body: `${field}=${text}` }));
    const property = fc.asyncProperty(anyText, async (text) => {
      const body = new URLSearchParams({ [field]: text }).toString();
      await expectRefusal(await send(endpoint, { body }));
    });
    await fc.assert(property, { numRuns: 10 });
    expect(await everythingStored(world)).toBe(before);
  });
});

describe("a parameter", () => {
  const inPath = endpoints.flatMap((endpoint) =>
    endpoint.pathParameters.map((name): [string, Endpoint, string] => [
      `${nameOf(endpoint)} ${name}`,
      endpoint,
      name,
    ]),
  );
  const inQuery = endpoints.flatMap((endpoint) =>
    endpoint.queryParameters.map((name): [string, Endpoint, string] => [
      `${nameOf(endpoint)} ?${name}`,
      endpoint,
      name,
    ]),
  );

  it.each(inPath)("in the path of %s names nothing and stores nothing", async (_name, endpoint, name) => {
    const before = await everythingStored(world);
    const refuse = async (text: string) => {
      const path = endpoint.path.replace(`{${name}}`, () => text);
      await expectRefusal(await send(endpoint, { path }));
    };
    for (const text of addressTexts) await refuse(text);
    await fc.assert(fc.asyncProperty(anyAddressText, refuse), { numRuns: 10 });
    expect(await everythingStored(world)).toBe(before);
  });

  it.each(inQuery)("%s finds nothing or is refused", async (_name, endpoint, name) => {
    const before = await everythingStored(world);
    const ask = async (query: string) => {
      await isTaken(await send(endpoint, { query }));
    };
    for (const text of addressTexts) await ask(`?${name}=${text}`);
    for (const query of [`?${name}=1&${name}=1`, `?${name}[]=1`, `?${name}[a]=1`, `?${name}`, `?${name}=1%`])
      await ask(query);
    await fc.assert(
      fc.asyncProperty(anyAddressText, (text) => ask(`?${name}=${text}`)),
      { numRuns: 10 },
    );
    expect(await everythingStored(world)).toBe(before);
  });

  it.each(endpoints.map((endpoint) => ({ name: nameOf(endpoint), endpoint })))(
    "that $name does not know does no harm",
    async ({ endpoint }) => {
      for (const query of [
        "?__proto__=1&__proto__=2",
        "?constructor=1&constructor=2",
        "?toString",
        "?&=&&%=%",
      ])
        await isTaken(await send(endpoint, { query, ...(endpoint.body !== null && { body: "{" }) }));
      expect(Object.hasOwn(Object.prototype, "1")).toBe(false);
    },
  );
});

describe("the header Authorization", () => {
  it.each(
    endpoints
      .filter(({ opensWith }) => opensWith !== null)
      .map((endpoint) => ({ name: nameOf(endpoint), endpoint })),
  )("of $name opens nothing unless it is right", async ({ endpoint }) => {
    const before = await everythingStored(world);
    const refuse = async (authorization: string) => {
      const response = await call(endpoint.method, world.pathOf(endpoint), {
        headers: { authorization, "content-type": endpoint.body?.mediaType ?? "text/plain" },
        ...(endpoint.body !== null && { body: sampleOf(endpoint) }),
      });
      expect(response.status).toBe(401);
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer realm=/);
      await expectRefusal(response);
    };
    for (const authorization of wrongAuthorizations) await refuse(authorization);
    await fc.assert(fc.asyncProperty(fc.string({ unit: "binary-ascii" }).filter(isHeader), refuse), {
      numRuns: 10,
    });
    expect(await everythingStored(world)).toBe(before);
  });
});

// Last, since what it has taken makes everything that is stored longer to compare.
describe("a body's field", () => {
  const fields = withJson.flatMap((endpoint) =>
    (endpoint.body?.fields ?? []).map((field): [string, Endpoint, FieldPath] => [
      `${nameOf(endpoint)} #/${field.join("/")}`,
      endpoint,
      field,
    ]),
  );

  // AWS adds to the objects of its events as it likes.
  const isOpen = (endpoint: Endpoint, field: FieldPath) =>
    endpoint.path === "/aws/events" &&
    ["detail", "agreement", "license", "product", "acceptor"].includes(String(field.at(-1)));
  const closed = fields.filter(([, endpoint, field]) => !isOpen(endpoint, field));

  it.each(closed)("of %s is refused with a value that is never right", async (_name, endpoint, field) => {
    const before = await everythingStored(world);
    for (const [, text] of neverRight) {
      await expectRefusal(await send(endpoint, { body: bodyWith(world.bodiesOf(endpoint), field, text) }));
    }
    expect(await everythingStored(world)).toBe(before);
  });

  it.each(fields)("of %s is taken or refused whatever it is", async (_name, endpoint, field) => {
    let stored = await everythingStored(world);
    const property = fc.asyncProperty(anyJson, async (text) => {
      const body = bodyWith(world.bodiesOf(endpoint), field, text);
      const taken = await isTaken(await send(endpoint, { body }));
      const now = await everythingStored(world);
      if (taken) expect(textsIn(JSON.parse(text)).filter((each) => !isText(each))).toEqual([]);
      else expect(now).toBe(stored);
      stored = now;
    });
    // Whatever is looked up by a text must not find what every object has; too rare at random to be met each time.
    const examples: [string][] = [['"__proto__"'], ['"constructor"']];
    await expect(fc.assert(property, { numRuns: 10, examples })).resolves.toBeUndefined();
  });
});
