/**
 * Exact decimals with nine places, held as a bigint of billionths ("nano"): no floating point touches a quantity
 * between a producer's request and AWS's integer.
 */

/** Billionths of a posted unit. */
export type Nano = bigint;

/** Billionths as JSON keeps them exactly: a number while a double can, beyond that its digits. */
export type JsonNano = number | string;

/** Billionths in one unit. */
export const UNIT: Nano = 1_000_000_000n;

/** The largest quantity one event may carry: 10^15 units. A typing error must not bill AWS's maximum for years. */
export const MAX_EVENT_QUANTITY: Nano = 10n ** 15n * UNIT;

export type QuantityProblem = "not_a_number" | "negative" | "too_many_decimals" | "too_large";

export type ParsedQuantity =
  { readonly ok: true; readonly value: JsonNano } | { readonly ok: false; readonly problem: QuantityProblem };

/** Up to here a number of billionths has 15 digits, so that no two of them are one double. */
const MAX_QUICK_NANO = 1e15;

const MAX_SAFE = BigInt(Number.MAX_SAFE_INTEGER);

const DECIMAL = /^(-?)(\d{1,40})(?:\.(\d{1,40}))?(?:[eE]([+-]?\d{1,3}))?$/;

/**
 * Reads a quantity: a decimal string such as `"0.000000001"`, or a number. A number must come from a text of up to 15
 * significant digits, since a double returns no more than that unchanged; what is longer has to be given as text.
 */
export function parseQuantity(input: unknown): ParsedQuantity {
  if (typeof input === "string") return parseDecimal(input);
  if (typeof input !== "number" || Number.isNaN(input)) return { ok: false, problem: "not_a_number" };
  // The double nearest to so many billionths, of up to 15 digits, is nobody else's: the way back proves it exact.
  const quick = Math.round(input * 1e9);
  if (quick >= 0 && quick <= MAX_QUICK_NANO && quick / 1e9 === input) return { ok: true, value: quick + 0 };
  return Number.isFinite(input) ? parseDecimal(String(input)) : { ok: false, problem: "too_large" };
}

function parseDecimal(text: string): ParsedQuantity {
  const match = DECIMAL.exec(text);
  if (match === null) return { ok: false, problem: "not_a_number" };
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = match;
  const digits = BigInt(whole + fraction);
  if (digits === 0n) return { ok: true, value: 0 };
  if (sign === "-") return { ok: false, problem: "negative" };

  // digits * 10^shift is the value in billionths.
  const shift = 9 - fraction.length + Number(exponent);
  if (shift > 64) return { ok: false, problem: "too_large" };
  let value = digits;
  if (shift >= 0) value *= 10n ** BigInt(shift);
  else {
    const divisor = 10n ** BigInt(-shift);
    if (digits % divisor !== 0n) return { ok: false, problem: "too_many_decimals" };
    value /= divisor;
  }
  return value > MAX_EVENT_QUANTITY
    ? { ok: false, problem: "too_large" }
    : { ok: true, value: jsonNano(value) };
}

/** The form that JSON keeps exactly; `BigInt` reads it back. */
export function jsonNano(value: Nano): JsonNano {
  return value >= -MAX_SAFE && value <= MAX_SAFE ? Number(value) : value.toString();
}

/** Reads back what {@link formatQuantity} has written. */
export function nanoOf(text: string): Nano {
  const [whole = "", fraction = ""] = text.split(".");
  return BigInt(whole.replace("-", "") + fraction.padEnd(9, "0")) * (text.startsWith("-") ? -1n : 1n);
}

/** Writes a quantity as the shortest exact decimal: `"12"`, `"0.5"`, `"-0.25"`. */
export function formatQuantity(value: Nano): string {
  const magnitude = value < 0n ? -value : value;
  const fraction = (magnitude % UNIT).toString().padStart(9, "0").replace(/0+$/, "");
  const text = `${magnitude / UNIT}${fraction === "" ? "" : `.${fraction}`}`;
  return value < 0n ? `-${text}` : text;
}
