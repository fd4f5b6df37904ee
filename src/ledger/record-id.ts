import { sql, type SQL, type SQLWrapper } from "drizzle-orm";
import type { SealedHour } from "../meter/account.ts";

/** `agreement:hour:dimension`, the hour as in {@link hourInId}. Sorts by agreement, then by hour. */
export function recordId({
  agreement,
  hour,
  dimension,
}: Pick<SealedHour, "agreement" | "hour" | "dimension">): string {
  return `${agreement}:${hourInId(hour)}:${dimension}`;
}

/** An hour as ids have it: 2026-11-23T05. */
export const hourInId = (hour: number): string => new Date(hour).toISOString().slice(0, 13);

/**
 * Whether a record is an agreement's, in SQL: its id begins with that, so they are a range of the primary key.
 *
 * @param id the column of the record's id
 * @param agreement an expression for the agreement's id
 * @param from the first hour whose records count, epoch milliseconds; all hours if absent
 */
export function isRecordOf(id: SQLWrapper, agreement: SQL, from?: number): SQL {
  const start = from === undefined ? sql`':'` : sql`':' || ${hourInId(from)}`;
  // ";" is the character after ":".
  return sql`(${id} > (${agreement}) || ${start} AND ${id} < (${agreement}) || ';')`;
}
