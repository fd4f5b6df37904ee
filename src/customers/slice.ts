import type { Surroundings } from "./surroundings.ts";

/** What came of one slice of a part's work. */
export interface Slice {
  /** Where the next slice begins; null when nothing more is due. */
  readonly next: string | null;
  /** What has failed in it; the next slice leaves that behind. */
  readonly faults: readonly unknown[];
}

/**
 * A part of what a tick does for the customers. One slice of it stays well below the 1,000 queries that D1 allows an
 * invocation (Cloudflare docs, D1 limits), however many are due.
 *
 * @param from where it begins: "" at first, then what the slice before has said
 */
export type Part = (surroundings: Surroundings, from: string) => Promise<Slice>;

/**
 * A slice of a part that always begins with what is most urgent. When something has failed that would be met again at
 * once, so nothing more is said to be due.
 *
 * @param work says whether more is due
 */
export async function untilDone(work: () => Promise<boolean>): Promise<Slice> {
  try {
    return { next: (await work()) ? "" : null, faults: [] };
  } catch (error) {
    return { next: null, faults: [error] };
  }
}
