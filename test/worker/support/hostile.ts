import fc from "fast-check";

/** What somebody with no good in mind, or a program with a fault, sends in the place of a value. */

const nested = (open: string, close: string, depth: number) => open.repeat(depth) + close.repeat(depth);

/** JSON texts that are right for no field at all; some are no JSON. */
export const neverRight: readonly (readonly [what: string, text: string])[] = [
  ["half a surrogate pair", String.raw`"\ud800"`],
  ["the other half within a text", String.raw`"a\udfffb"`],
  ["NUL", String.raw`"\u0000"`],
  ["NUL within a text", String.raw`"a\u0000b"`],
  ["a text of nearly a megabyte", `"${"x".repeat(900_000)}"`],
  ["deep arrays", nested("[", "]", 100_000)],
  ["deep objects", nested('{"a":', "}", 100_000).replace("}", "1}")],
  ["deep objects beside a long number", `{"n":0.12345678901234567,"a":${nested("[", "]", 100_000)}}`],
  ["a number beyond a double", "1e999"],
  ["a number below a double", "-1e999"],
  ["the largest double", "1.7976931348623157e308"],
  ["a number of 100 000 digits", "9".repeat(100_000)],
  ["a number below zero", "-1"],
  ["an object with the key __proto__", '{"__proto__":{"polluted":true}}'],
  ["an object with the key constructor", '{"constructor":{"prototype":{"polluted":true}}}'],
  ["an object with 10 000 keys", `{${Array.from({ length: 10_000 }, (_, n) => `"k${n}":${n}`).join(",")}}`],
  ["an array of 100 000 numbers", `[${"1,".repeat(100_000)}1]`],
  ["NaN", "NaN"],
  ["Infinity", "-Infinity"],
  ["undefined", "undefined"],
  ["nothing", ""],
  ["a number in hexadecimal", "0x10"],
  ["a text in single quotes", "'x'"],
  ["a text that does not end", '"x'],
  ["a line break in a text", '"a\nb"'],
];

const codeUnits = fc.array(fc.nat(0xffff), { maxLength: 40 }).map((units) => String.fromCharCode(...units));

/** Texts that are data here and code elsewhere. */
const codeElsewhere = [
  "__proto__",
  "constructor",
  "toString",
  "'; DROP TABLE products; --",
  '" OR 1=1 --',
  "../../../../etc/passwd",
  "%00",
  "${7*7}",
  "{{7*7}}",
  "<script>alert(1)</script>",
  "a\r\nset-cookie: a=b",
  "\u202egnp.exe",
  "\u200b",
  "=cmd|' /C calc'!A0",
];

export const anyText = fc.oneof(
  codeUnits,
  fc.string({ unit: "binary", maxLength: 300 }),
  fc.constantFrom(...codeElsewhere),
);

/** JSON texts of any value: whether one is right depends on the field. */
export const anyJson = fc.oneof(
  anyText.map((text) => escaped(text)),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map(String),
  fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }).map(String),
  fc
    .tuple(fc.bigInt(), fc.integer({ min: -999, max: 999 }))
    .map(([digits, exponent]) => `${digits}e${exponent}`),
  fc.jsonValue().map((value) => JSON.stringify(value)),
  fc.constantFrom("null", "true", "false", "[]", "{}", '""', '" "', "[null]", "-0"),
);

/** As JSON.stringify writes it, half surrogate pairs too. */
const escaped = (text: string): string => JSON.stringify(text);

/** What may stand in an address in the place of a parameter, already written as an address writes it or wrongly so. */
export const addressTexts: readonly string[] = [
  "%",
  "%2",
  "%zz",
  "%ff",
  "%c0%ae%c0%ae%c0%af",
  "%ed%a0%80",
  "%00",
  "a%00b",
  "%0d%0aset-cookie:%20a=b",
  "%2e%2e%2f%2e%2e%2fetc%2fpasswd",
  "..%5c..%5c",
  "%252e%252e%252f",
  "%27%3b%20DROP%20TABLE%20products;%20--",
  "%22%20OR%201=1%20--",
  "__proto__",
  "constructor",
  "toString",
  "NaN",
  "-1",
  "1e999",
  "0x7fffffffffffffff",
  "18446744073709551616",
  "null",
  "undefined",
  "[object%20Object]",
  "{}",
  "%F0%9F%92%A9",
  "%E2%80%AE",
  "2026-02-30T00:00:00Z",
  "9".repeat(10_000),
  "x".repeat(100_000),
];

export const anyAddressText = anyText.map((text) => encodeURIComponent(text.toWellFormed()));

/** Headers `Authorization` that open nothing. */
export const wrongAuthorizations: readonly string[] = [
  "",
  "Bearer",
  "Bearer ",
  "Bearer undefined",
  "Bearer null",
  "Bearer a b",
  "Bearer mgk_",
  "Bearer __proto__",
  "Bearer ' OR 1=1 --",
  "Basic dXNlcjpwYXNzd29yZA==",
  "Digest username=admin",
  `Bearer ${"x".repeat(100_000)}`,
  `Bearer ${" ".repeat(100_000)}x y`,
];
