import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  decryptToken,
  encryptToken,
  expiryOfCode,
  newCode,
  registrationKeys,
  ticketFor,
} from "../../../src/customers/registration/keys.ts";

const keys = await registrationKeys("a-registration-secret-of-32-characters");
const others = await registrationKeys("b-registration-secret-of-32-characters");

const random = (bytes: Uint8Array<ArrayBuffer>) => crypto.getRandomValues(bytes);

const NOW = Date.UTC(2026, 10, 23, 14, 23);

/** From 1990 until long after everybody. */
const anyTime = fc.integer({ min: Date.UTC(1990), max: Date.UTC(3000) });

/** Any text, and what AWS's tokens are made of. */
const anyToken = fc.oneof(
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 500 }),
  fc.base64String({ minLength: 1, maxLength: 2000 }),
);

/** Any text at all, of single code units: fast-check's own takes seconds to begin. */
const anyText = fc.array(fc.nat(0xffff), { maxLength: 200 }).map((units) => String.fromCharCode(...units));

describe("a code", () => {
  it("says until when it holds to whoever has the secret, and to nobody else", async () => {
    await fc.assert(
      fc.asyncProperty(anyTime, async (expiresAt) => {
        const code = await newCode(keys, expiresAt, random);
        expect(await expiryOfCode(keys, code)).toBe(expiresAt);
        expect(await expiryOfCode(others, code)).toBeNull();
      }),
    );
  });

  it("goes into an address as it is", async () => {
    const code = await newCode(keys, NOW, random);
    expect(encodeURIComponent(code)).toBe(code);
  });

  it("is another each time", async () => {
    const codes = await Promise.all(Array.from({ length: 100 }, () => newCode(keys, NOW, random)));
    expect(new Set(codes).size).toBe(100);
  });

  it("is nobody's once a character that is signed has changed", async () => {
    const code = await newCode(keys, NOW, random);
    const signed = code.lastIndexOf(".");
    await fc.assert(
      fc.asyncProperty(
        fc.nat(signed - 1),
        fc.constantFrom(...Array.from("abyzABYZ0189-_.")),
        async (at, character) => {
          fc.pre(code[at] !== character);
          const changed = code.slice(0, at) + character + code.slice(at + 1);
          expect(await expiryOfCode(keys, changed)).toBeNull();
        },
      ),
    );
  });

  it("cannot be put together from two", async () => {
    const [one, two] = [
      (await newCode(keys, NOW, random)).split("."),
      (await newCode(keys, NOW + 1, random)).split("."),
    ];
    const mixes = [
      [one[0], one[1], two[2]],
      [one[0], two[1], one[2]],
      [two[0], one[1], one[2]],
      [one[0], two[1], two[2]],
    ];
    for (const mix of mixes) expect(await expiryOfCode(keys, mix.join("."))).toBeNull();
  });

  it("is no other text", async () => {
    await fc.assert(
      fc.asyncProperty(anyText, async (text) => {
        expect(await expiryOfCode(keys, text)).toBeNull();
      }),
    );
  });
});

describe("a token", () => {
  it("comes back from where it was stored as it was, and from nowhere else", async () => {
    await fc.assert(
      fc.asyncProperty(anyToken, async (token) => {
        const stored = await encryptToken(keys, token, "here", random);
        expect(await decryptToken(keys, stored, "here")).toBe(token);
        expect(await decryptToken(keys, stored, "there")).toBeNull();
        expect(await decryptToken(others, stored, "here")).toBeNull();
      }),
    );
  });

  it("is never stored the same twice, and shows nothing of itself", async () => {
    const token = "a-token-of-aws-with-some-length".repeat(4);
    const stored = await Promise.all(
      Array.from({ length: 50 }, () => encryptToken(keys, token, "here", random)),
    );
    expect(new Set(stored.map((each) => each.split(".")[0])).size).toBe(50);
    for (const each of stored) expect(atob(unescaped(each))).not.toContain(token.slice(0, 8));
  });

  it("does not come back from what was spoilt", async () => {
    const stored = await encryptToken(keys, "a-token-of-aws", "here", random);
    const [iv = "", cipher = ""] = stored.split(".");
    const flipped = cipher.startsWith("A") ? `B${cipher.slice(1)}` : `A${cipher.slice(1)}`;
    const spoilt = [
      "",
      ".",
      iv,
      `${iv}.`,
      `.${cipher}`,
      `${iv}.${flipped}`,
      `${iv}.${cipher}AA`,
      "no cipher text",
      "é.é",
    ];
    for (const each of spoilt) expect(await decryptToken(keys, each, "here")).toBeNull();
  });
});

/** The cipher text of what is stored, as base64 has it. */
const unescaped = (stored: string): string =>
  (stored.split(".")[1] ?? "").replaceAll("-", "+").replaceAll("_", "/");

describe("a ticket", () => {
  it("is the same for the same token, another for any other token or secret, and goes into an address", async () => {
    await fc.assert(
      fc.asyncProperty(anyToken, anyToken, async (token, other) => {
        const ticket = await ticketFor(keys, token);
        expect(ticket).toMatch(/^[\w-]{43}$/);
        expect(await ticketFor(keys, token)).toBe(ticket);
        expect((await ticketFor(keys, other)) === ticket).toBe(token === other);
        expect(await ticketFor(others, token)).not.toBe(ticket);
      }),
    );
  });

  it("is made with another key than codes are signed with", async () => {
    const code = await newCode(keys, NOW, random);
    const at = code.lastIndexOf(".");
    expect(await ticketFor(keys, code.slice(0, at))).not.toBe(code.slice(at + 1));
  });
});
