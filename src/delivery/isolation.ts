/** What a call for some records came to. */
export type Verdict<T> =
  /** AWS has answered for each of them. */
  | { readonly kind: "answered" }
  /** AWS refuses all for a bad one. Records of one unit are bad together or not at all. */
  | { readonly kind: "refused"; readonly unitOf: (record: T) => unknown }
  /** The bad ones are found and settled; these others were not taken. */
  | { readonly kind: "found"; readonly others: readonly T[] }
  /** The call failed for another reason, or could not be made: no other is to be made now. */
  | { readonly kind: "failed" };

/**
 * Delivers all records of a batch but the bad ones. When AWS refuses it whole, the bad one is searched by halving: of
 * two halves only one is sent, since the other is as bad as that one is good. The innocent go together at the end.
 *
 * One bad record in 25 takes at most 7 calls more.
 *
 * @param send makes one call; it settles records that are bad together when it sends nothing beside them
 */
export async function deliverIsolating<T>(
  batch: readonly T[],
  send: (records: readonly T[]) => Promise<Verdict<T>>,
): Promise<void> {
  let waiting = batch;
  while (waiting.length > 0) {
    const verdict = await send(waiting);
    if (verdict.kind === "answered" || verdict.kind === "failed") return;
    const innocent = verdict.kind === "found" ? verdict.others : await findBad(waiting, verdict.unitOf, send);
    if (innocent === null) return;
    waiting = innocent;
  }
}

/** @returns the records that are neither answered for nor settled; null when no other call is to be made */
async function findBad<T>(
  refused: readonly T[],
  refusedUnitOf: (record: T) => unknown,
  send: (records: readonly T[]) => Promise<Verdict<T>>,
): Promise<readonly T[] | null> {
  const aside: T[] = [];
  let suspects = refused;
  let unitOf = refusedUnitOf;
  for (;;) {
    const units = [...Map.groupBy(suspects, unitOf).values()];
    const middle = Math.ceil(units.length / 2);
    const half = units.slice(0, middle).flat();
    const rest = units.slice(middle).flat();
    const verdict = await send(half);
    switch (verdict.kind) {
      case "failed":
        return null;
      case "answered":
        if (rest.length === 0) return aside;
        suspects = rest;
        break;
      case "refused":
        aside.push(...rest);
        suspects = half;
        unitOf = verdict.unitOf;
        break;
      case "found":
        return [...aside, ...rest, ...verdict.others];
    }
  }
}
