import { env, exports } from "cloudflare:workers";
import { beforeAll, describe, expect, it } from "vitest";
import { describedEndpoints, nameOf, type Endpoint } from "./support/endpoints.ts";
import { admin, call, json, newProduct, type UsageAnswer } from "./support/gateway.ts";
import { arrive, aws, newListing } from "./support/marketplace.ts";
import {
  everythingStored,
  expectRefusal,
  expectRefusedWhole,
  newWorld,
  type World,
} from "./support/refusals.ts";

const LIMIT = 1_000_000;

const endpoints = await describedEndpoints();
const withBody = endpoints
  .filter(({ body }) => body !== null)
  .map((endpoint) => [nameOf(endpoint), endpoint] as const);
const withJson = withBody.filter(([, { body }]) => body?.mediaType === "application/json");

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

interface Sent {
  readonly body?: BodyInit;
  /** Null leaves the header out. */
  readonly type?: string | null;
  readonly headers?: Record<string, string>;
  readonly method?: string;
  readonly from?: World;
}

/** Sends a body byte by byte as it is. */
async function send(endpoint: Endpoint, sent: Sent): Promise<Response> {
  const {
    from = world,
    body,
    type = endpoint.body?.mediaType ?? null,
    headers,
    method = endpoint.method,
  } = sent;
  const token = from.tokenOf(endpoint);
  const request = new Request(`https://gateway.test${from.pathOf(endpoint)}`, {
    method,
    ...(body !== undefined && { body }),
    headers: { ...(token !== null && { authorization: `Bearer ${token}` }), ...headers },
  });
  if (type === null) request.headers.delete("content-type");
  else request.headers.set("content-type", type);
  return exports.default.fetch(request);
}

const rightBody = (endpoint: Endpoint, from = world): string => JSON.stringify(from.bodiesOf(endpoint)[0]);

const bytes = (text: string): Uint8Array<ArrayBuffer> => new Uint8Array(new TextEncoder().encode(text));

function utf16(text: string, littleEndian: boolean): Uint8Array<ArrayBuffer> {
  const view = new DataView(new ArrayBuffer(2 * text.length + 2));
  for (const [index, unit] of ["\ufeff", ...text.split("")].entries())
    view.setUint16(2 * index, unit.charCodeAt(0), littleEndian);
  return new Uint8Array(view.buffer);
}

/** The right body with these bytes in its first text. */
function withBytes(endpoint: Endpoint, broken: readonly number[]): Uint8Array<ArrayBuffer> {
  const [head = "", ...tail] = rightBody(endpoint).split(/(?<=":")/);
  return Uint8Array.from([...bytes(head), ...broken, ...bytes(tail.join(""))]);
}

async function gzip(text: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer> {
  return new Response(new Response(text).body?.pipeThrough(new CompressionStream("gzip"))).arrayBuffer();
}

/** A body that goes on while somebody reads it, as good as for ever: a gateway that did would take the memory of this. */
function endless(chunk = new Uint8Array(65_536).fill(0x20)) {
  const read = { bytes: 0 };
  const stream = new ReadableStream<Uint8Array>({
    pull(controller) {
      read.bytes += chunk.byteLength;
      controller.enqueue(chunk);
      if (read.bytes > 20 * LIMIT) controller.close();
    },
  });
  return { read, stream };
}

type Hostile = (endpoint: Endpoint) => Sent | Promise<Sent>;

const unsupported: [string, number[], Hostile][] = [
  ["no content type", [415], (endpoint) => ({ body: bytes(rightBody(endpoint)), type: null })],
  ["the type of plain text", [415], (endpoint) => ({ body: rightBody(endpoint), type: "text/plain" })],
  ["the type of a form", [415], (endpoint) => ({ body: rightBody(endpoint), type: "multipart/form-data" })],
  [
    "a type that only begins as JSON's",
    [415],
    (endpoint) => ({ body: rightBody(endpoint), type: "application/jsonp" }),
  ],
  ["a type that is none", [415], (endpoint) => ({ body: rightBody(endpoint), type: ";;;" })],
  [
    "the charset UTF-16",
    [415],
    (endpoint) => ({ body: utf16(rightBody(endpoint), true), type: "application/json; charset=utf-16" }),
  ],
  [
    "the charset Latin-1",
    [415],
    (endpoint) => ({ body: rightBody(endpoint), type: 'application/json;charset="ISO-8859-1"' }),
  ],
  [
    "a charset that does not exist",
    [415],
    (endpoint) => ({ body: rightBody(endpoint), type: "application/json; charset=utf-7,x" }),
  ],
  [
    "gzip",
    [415],
    async (endpoint) => ({
      body: await gzip(bytes(rightBody(endpoint))),
      headers: { "content-encoding": "gzip" },
    }),
  ],
  [
    "a gzip bomb",
    [415],
    async () => ({
      body: await gzip(new Uint8Array(20 * LIMIT).fill(0x20)),
      headers: { "content-encoding": "gzip" },
    }),
  ],
  [
    "Brotli, it says",
    [415],
    (endpoint) => ({ body: rightBody(endpoint), headers: { "content-encoding": "br, identity" } }),
  ],
  [
    "gzip that does not say so",
    [400],
    async (endpoint) => ({ body: await gzip(bytes(rightBody(endpoint))) }),
  ],
];

const unreadable: [string, number[], Hostile][] = [
  ["UTF-16, little-endian", [400], (endpoint) => ({ body: utf16(rightBody(endpoint), true) })],
  ["UTF-16, big-endian", [400], (endpoint) => ({ body: utf16(rightBody(endpoint), false) })],
  ["a byte that is no UTF-8", [400], (endpoint) => ({ body: withBytes(endpoint, [0xff]) })],
  ["a letter in Latin-1", [400], (endpoint) => ({ body: withBytes(endpoint, [0xe9]) })],
  ["a character in too many bytes", [400], (endpoint) => ({ body: withBytes(endpoint, [0xc0, 0xaf]) })],
  [
    "half a surrogate pair in UTF-8",
    [400],
    (endpoint) => ({ body: withBytes(endpoint, [0xed, 0xa0, 0x80]) }),
  ],
  ["NUL as it is", [400], (endpoint) => ({ body: withBytes(endpoint, [0]) })],
  ["nothing", [400], () => ({ body: "" })],
  ["white space", [400], () => ({ body: " \t\r\n" })],
  ["half of JSON", [400], (endpoint) => ({ body: rightBody(endpoint).slice(0, -2) })],
  ["JSON twice", [400], (endpoint) => ({ body: rightBody(endpoint).repeat(2) })],
  ["a comma too many", [400], (endpoint) => ({ body: rightBody(endpoint).replace(/\}$/, ",}") })],
  ["a comment", [400], (endpoint) => ({ body: `/* */${rightBody(endpoint)}` })],
  ["nothing but brackets that open", [400], () => ({ body: "[".repeat(LIMIT) })],
  ["nothing but braces that open", [400], () => ({ body: '{"a":'.repeat(LIMIT / 5) })],
  [
    "brackets half a million deep",
    [400, 422],
    () => ({ body: "[".repeat(LIMIT / 2) + "]".repeat(LIMIT / 2) }),
  ],
  ["null", [400], () => ({ body: "null" })],
  ["a number", [400], () => ({ body: "1" })],
  ["a text", [400], () => ({ body: '"text"' })],
  [
    "the prototype as a key",
    [400, 422],
    () => ({ body: '{"__proto__":{"product":"x","id":"x","customer":"x"}}' }),
  ],
];

describe.each(withJson)("%s", (_name, endpoint) => {
  it.each([...unsupported, ...unreadable])("refuses %s clearly", async (_what, statuses, hostile) => {
    const sent = await hostile(endpoint);
    await expectRefusedWhole(world, async () => {
      const response = await send(endpoint, sent);
      expect(statuses).toContain(response.status);
      return response;
    });
  });

  it("takes UTF-8 with a byte order mark, and the last of two equal keys, as JSON has it everywhere", async () => {
    const from = await newWorld();
    const twice = rightBody(endpoint, from).replace(/^\{("\w+"):/, '{$1:"@",$1:');
    expect(twice).toContain('"@"');
    const response = await send(endpoint, {
      from,
      body: `\ufeff${twice}`,
      type: "application/json; charset=UTF-8",
    });
    expect([response.ok, await response.text()]).toEqual([true, expect.any(String)]);
  });
});

describe.each(withBody)("%s", (_name, endpoint) => {
  it("refuses a body that is announced as too long, and does not read it", async () => {
    const { read, stream } = endless();
    await expectRefusedWhole(world, async () => {
      const headers = { "content-length": String(100 * LIMIT) };
      const response = await send(endpoint, { body: stream, headers });
      expect(response.status).toBe(413);
      return response;
    });
    expect(read.bytes).toBeLessThan(LIMIT);
  });

  it("reads a body without end no further than its limit", async () => {
    const { read, stream } = endless();
    await expectRefusedWhole(world, async () => {
      const response = await send(endpoint, { body: stream });
      expect(response.status).toBe(413);
      return response;
    });
    expect(read.bytes).toBeLessThan(2 * LIMIT);
  });
});

describe.each(withBody.filter(([, { opensWith }]) => opensWith !== null))("%s", (_name, endpoint) => {
  it("does not read the body of somebody without credentials", async () => {
    const { read, stream } = endless();
    const headers = { authorization: "Bearer wrong" };
    await expectRefusedWhole(world, async () => {
      const response = await send(endpoint, { body: stream, headers });
      expect(response.status).toBe(401);
      return response;
    });
    expect(read.bytes).toBeLessThan(LIMIT);
  });
});

describe("a method that an endpoint does not have", () => {
  // The registration's address has a page for whoever opens it.
  const paths = [...new Set(endpoints.map(({ path }) => path))].filter(
    (path) => !path.startsWith("/register"),
  );

  it.each(paths)("is refused at %s", async (path) => {
    const there = endpoints.filter((endpoint) => endpoint.path === path);
    const before = await everythingStored(world);
    for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]) {
      const [endpoint] = there;
      if (endpoint === undefined || there.some((each) => each.method === method)) continue;
      await expectRefusal(await call(method, world.pathOf(endpoint), { token: env.ADMIN_TOKEN ?? "" }));
    }
    expect(await everythingStored(world)).toBe(before);
  });
});

describe("names that objects have from the start", () => {
  const names = ["__proto__", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf"];

  it("are ids, customers, dimensions and tags like any other", async () => {
    const product = await newProduct({
      dimensions: [...names, { name: "users", aggregation: "unique", uniqueTag: "__proto__" }],
    });
    for (const name of names) {
      const { id } = await product.agree();
      expect((await admin("PATCH", `/v1/agreements/${id}`, { customer: name })).status).toBe(200);
    }
    const usage = names.map(
      (name) =>
        `{"id":"${name}","customer":"${name}","dimension":"${name}","quantity":1,"tags":{"${name}":"${name}"}}`,
    );
    const user = (id: string, tag: string) =>
      `{"id":"${id}","customer":"toString","dimension":"users","tags":{"${tag}":"someone"}}`;
    const body = `[${[...usage, user("u1", "__proto__"), user("u2", "constructor")].join(",")}]`;
    const answer = await json<UsageAnswer>(product.post(body));
    expect(answer).toMatchObject({ accepted: names.length + 1, rejected: 1 });
    expect(answer.results.at(-1)).toMatchObject({ error: { code: "missing_tag" } });
    expect(await json<UsageAnswer>(product.post(body))).toMatchObject({
      duplicates: names.length + 1,
      accepted: 0,
    });
    const books = await json(admin("GET", `/v1/conservation?product=${product.id}`));
    expect(books).toMatchObject({ totals: { accepted: String(names.length + 1), conserved: true } });
  });
});

describe("a refusal", () => {
  it("of a thousand events is no longer than they were, however many dimensions the product has", async () => {
    const dimensions = Array.from({ length: 200 }, (_, n) => `${n}`.padEnd(255, "d"));
    const product = await newProduct({ dimensions });
    const event = (n: number) => ({ id: `e${n}`, customer: "c", dimension: "x".repeat(900), quantity: 1 });
    const events = JSON.stringify(Array.from({ length: 1000 }, (_, n) => event(n)));
    const refused = await product.post(events);
    expect(refused.status).toBe(422);
    expect((await refused.text()).length).toBeLessThan(4 * LIMIT);
  });
});

describe("a sign-up address", () => {
  it.each([
    ["a line break", "https://seller.test/a\r\nset-cookie: a=b"],
    ["half a surrogate pair", "https://seller.test/\ud800"],
    ["letters beyond ASCII", "https://käufer.test/wärme?ü=ß#🎉"],
  ])("with %s sends customers on all the same", async (_what, signUpUrl) => {
    const listing = await newListing();
    expect((await admin("PATCH", `/v1/products/${listing.id}`, { signUpUrl })).status).toBe(200);
    const { registrationToken } = await aws.agreement(listing.id);
    const arrival = await arrive(registrationToken);
    expect(arrival.status).toBe(303);
    expect(arrival.headers.get("location")).toMatch(/^https:\/\/[\w.-]+\/[\x21-\x7e]*$/);
    expect(arrival.headers.get("set-cookie")).toBeNull();
  });
});
