/**
 * An id that sorts by its time.
 *
 * @param now epoch milliseconds
 * @param unique tells apart what has one time
 */
export function timeId(prefix: string, now: number, unique: string): string {
  return `${prefix}_${now.toString(36).padStart(9, "0")}_${unique}`;
}
