/** The ways in which a name names an agreement, the first before the others. */
export const RANK = { ownId: 1, licenseArn: 2, account: 3, customerIdentifier: 4 } as const;

/** Where the usage of an agreement is counted. */
export interface MeteredAgreement {
  readonly id: string;
  readonly shard: number;
  /** When it ended, and until when AWS takes its usage, epoch milliseconds; null while no end is known. */
  readonly endedAt: number | null;
  readonly usageUntil: number | null;
  /** When it began, or the customer came back to it last, as far as is known. Epoch milliseconds. */
  readonly since: number;
}

/** An agreement that a name stands for, or has stood for. */
export interface Match extends MeteredAgreement {
  /** For usage of until when the name stands for it, epoch milliseconds; null while no end of that is known. */
  readonly until: number | null;
  /** In which of its ways the name names it. */
  readonly rank: (typeof RANK)[keyof typeof RANK];
  readonly name: string;
  readonly registeredAt: number;
}

export type ResolvedName =
  | { readonly kind: "found"; readonly agreement: MeteredAgreement }
  | { readonly kind: "unknown" }
  /** The customer has several agreements, and the name says not which. */
  | { readonly kind: "ambiguous"; readonly count: number };

/** Of one rank, those first that the name stood for first. */
export type Matches = readonly Match[];

/** Until when a name stands for an agreement, epoch milliseconds. */
export const endOf = ({ until }: Match): number => until ?? Number.MAX_SAFE_INTEGER;

/**
 * The agreement whose usage of a time a name stands for: of several, the one that it stood for first. So an event that is posted
 * again after the customer's next agreement has begun meets its id where it was counted, and usage of before an end is
 * billed to what it was used under. When it stood for none any more, it is the last that had ended, which says so.
 *
 * Only an own id is of one agreement at a time. Another name is ambiguous where a second one was there by then.
 *
 * @param time when it was used, epoch milliseconds
 */
export function agreementFor(matches: Matches, time: number): ResolvedName {
  const candidates = matches.filter((match) => time < endOf(match));
  const agreement = candidates[0] ?? matches.findLast(({ endedAt }) => endedAt !== null && endedAt <= time);
  if (agreement === undefined) return { kind: "unknown" };
  const isContested = candidates
    .slice(1)
    .some(({ registeredAt }) => agreement.until === null || registeredAt <= time);
  return isContested && agreement.rank !== RANK.ownId
    ? { kind: "ambiguous", count: candidates.length }
    : { kind: "found", agreement };
}
