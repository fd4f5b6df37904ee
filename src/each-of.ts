/**
 * Does something for each of many, so that one's failure is no other's, and one that takes long has only one place of
 * those that are worked at.
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
  const waiting = items.values();
  const worker = async (): Promise<void> => {
    for (const item of waiting) {
      try {
        await work(item);
      } catch (error) {
        faults.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
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
