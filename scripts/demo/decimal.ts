/**
 * Exact decimals as billionths. On purpose not the gateway's own code: a check that shares its arithmetic cannot
 * find its mistakes.
 */
export type Nano = bigint;

const PLACES = 9;
export const UNIT: Nano = 10n ** BigInt(PLACES);

/** Reads a plain decimal such as `"-0.25"`; throws for anything else, and for more than nine places. */
export function nanoOf(text: string): Nano {
  const match = /^(-?)(\d+)(?:\.(\d{1,9}))?$/.exec(text);
  if (match === null) throw new Error(`"${text}" is not a decimal of up to ${PLACES} places`);
  const [, sign = "", whole = "", fraction = ""] = match;
  const magnitude = BigInt(whole + fraction.padEnd(PLACES, "0"));
  return sign === "-" ? -magnitude : magnitude;
}

/** Writes the shortest decimal. */
export function decimalOf(value: Nano): string {
  const digits = (value < 0n ? -value : value).toString().padStart(PLACES + 1, "0");
  const fraction = digits.slice(-PLACES).replace(/0+$/, "");
  return `${value < 0n ? "-" : ""}${digits.slice(0, -PLACES)}${fraction === "" ? "" : `.${fraction}`}`;
}

/** Adds an amount to the sum that a map keeps for a name. */
export function addTo(sums: Map<string, Nano>, name: string, amount: Nano): void {
  sums.set(name, (sums.get(name) ?? 0n) + amount);
}
