/** A random id in AWS's usual form. */
export const randomId = (): string => crypto.randomUUID();

/** So many random decimal digits. */
export const randomDigits = (count: number): string => randomText(count, "0123456789");

/** So many random characters of an alphabet. */
export function randomText(count: number, alphabet: string): string {
  return [...crypto.getRandomValues(new Uint8Array(count))]
    .map((byte) => alphabet.charAt(byte % alphabet.length))
    .join("");
}
