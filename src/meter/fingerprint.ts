/** Bits of a fingerprint. A double holds them as an integer. */
export const FINGERPRINT_BITS = 52;

const HALF = 2 ** (FINGERPRINT_BITS / 2);

/**
 * Mixes text into a pair of 32-bit states, by the multiply-and-xor rounds of cyrb53 (public domain). Nothing depends
 * on its strength: fingerprints only say where to look, the ids themselves decide.
 */
function mix(text: string, state: Fingerprinter): void {
  let { a, b } = state;
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index);
    a = Math.imul(a ^ code, 2654435761);
    b = Math.imul(b ^ code, 1597334677);
  }
  state.a = a;
  state.b = b;
}

interface Fingerprinter {
  a: number;
  b: number;
}

/** The fingerprints of ids within an agreement, which is mixed in once for all of them. */
export function fingerprinter(agreement: string): (id: string) => number {
  const seed: Fingerprinter = { a: 0xdeadbeef, b: 0x41c6ce57 };
  mix(agreement, seed);
  const { a, b } = seed;
  return (id) => {
    seed.a = a;
    seed.b = b;
    mix(id, seed);
    const high =
      Math.imul(seed.a ^ (seed.a >>> 16), 2246822507) ^ Math.imul(seed.b ^ (seed.b >>> 13), 3266489909);
    const low = Math.imul(seed.b ^ (seed.b >>> 16), 2246822507) ^ Math.imul(high ^ (high >>> 13), 3266489909);
    return (high >>> 6) * HALF + (low >>> 6);
  };
}
