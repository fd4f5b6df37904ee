/** A port from the environment; 0 picks a free one. */
export function portOf(name: string, fallback: number): number {
  return numberOf(name, fallback, 65_535, "a port from 0 to 65535");
}

/** Seconds from the environment. */
export function secondsOf(name: string, fallback: number): number {
  return numberOf(name, fallback, 86_400, "a number of seconds from 0 to 86400");
}

function numberOf(name: string, fallback: number, max: number, what: string): number {
  const text = process.env[name];
  if (text === undefined || text === "") return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 0 && value <= max) return value;
  console.error(`${name} must be ${what}, not "${text}".`);
  process.exit(1);
}
