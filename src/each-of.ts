/**
 * Does something for each of many, so that one's failure is no other's.
 *
 * @param options.atOnce how many are done at a time
 * @returns the failures, when all have been tried
 */
export async function faultsOf<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
  { atOnce = 1 }: { readonly atOnce?: number } = {},
): Promise<unknown[]> {
  const faults: unknown[] = [];
  for (let from = 0; from < items.length; from += atOnce) {
    for (const one of await Promise.allSettled(items.slice(from, from + atOnce).map(work)))
      if (one.status === "rejected") faults.push(one.reason);
  }
  return faults;
}

/**
 * {@link faultsOf}, for whoever can do nothing about them.
 *
 * @throws the first failure, when all have been tried
 */
export async function eachOf<T>(
  items: readonly T[],
  work: (item: T) => Promise<unknown>,
  options?: { readonly atOnce?: number },
): Promise<void> {
  const faults = await faultsOf(items, work, options);
  if (faults.length > 0) throw faults[0];
}
