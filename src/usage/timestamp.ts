const RFC3339 = /^\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}:\d{2}(?:\.\d{1,9})?(?:[Zz]|[+-]\d{2}:\d{2})$/;

/** 1 January 10000, epoch seconds: a larger number is milliseconds by mistake. */
const MAX_EPOCH_SECONDS = 253_402_300_800;

/**
 * Reads an event's time: RFC 3339 with an offset, or epoch seconds as a number or digits, fractions allowed.
 *
 * @returns epoch milliseconds, or null for anything else
 */
export function parseTimestamp(input: unknown): number | null {
  if (typeof input === "number") return fromEpochSeconds(input);
  if (typeof input !== "string") return null;
  if (/^\d{1,12}(?:\.\d{1,9})?$/.test(input)) return fromEpochSeconds(Number(input));
  if (!RFC3339.test(input)) return null;
  const time = Date.parse(input.replace(" ", "T").toUpperCase());
  return Number.isNaN(time) || !isCalendarDay(input) ? null : time;
}

function fromEpochSeconds(seconds: number): number | null {
  return seconds >= 0 && seconds < MAX_EPOCH_SECONDS ? Math.floor(seconds * 1000) : null;
}

/** JavaScript rolls 30 February over to March; a producer with such a date has a bug that must not be billed. */
function isCalendarDay(text: string): boolean {
  const [year = 0, month = 0, day = 0] = text.slice(0, 10).split("-").map(Number);
  return new Date(Date.UTC(year, month - 1, day)).getUTCDate() === day;
}
