/** Times of the tests, in milliseconds. */

export const SECOND = 1000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

export const iso = (time: number): string => new Date(time).toISOString();

export const ago = (milliseconds: number): string => iso(Date.now() - milliseconds);

/** {@link ago} by a clock that stands still, in whole seconds as AWS's notices have them: for what is said more than once. */
export function steadyAgo(): typeof ago {
  const now = Math.floor(Date.now() / SECOND) * SECOND;
  return (milliseconds) => iso(now - milliseconds);
}

/** When the hour began that it was so many hours ago. */
export const startOfHour = (hoursAgo = 0): number => (Math.floor(Date.now() / HOUR) - hoursAgo) * HOUR;
