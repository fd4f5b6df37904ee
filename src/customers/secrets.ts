/** Below so many characters a secret can be guessed. */
const SHORTEST_REGISTRATION_SECRET = 32;
const SHORTEST_EVENTS_SECRET = 16;

/** What codes are signed and tokens encrypted with; null while it is not set, or is too short. */
export function registrationSecret({ REGISTRATION_SECRET }: Env): string | null {
  if (REGISTRATION_SECRET === undefined) return null;
  return REGISTRATION_SECRET.length < SHORTEST_REGISTRATION_SECRET ? null : REGISTRATION_SECRET;
}

/** What EventBridge may bring: two, with a blank between them, while an operator changes the secret at one end and then the other. */
export const eventsSecrets = ({ EVENTS_SECRET = "" }: Env): string[] =>
  EVENTS_SECRET.split(/\s+/).filter((secret) => secret.length >= SHORTEST_EVENTS_SECRET);

/** What an operator is told when there is no {@link registrationSecret}. */
export const REGISTRATION_SECRET_MISSING = missing("REGISTRATION_SECRET", SHORTEST_REGISTRATION_SECRET);

/** What an operator is told when there is none of the {@link eventsSecrets}. */
export const EVENTS_SECRET_MISSING = missing("EVENTS_SECRET", SHORTEST_EVENTS_SECRET);

function missing(name: string, shortest: number): string {
  return `The secret ${name} is not set, or has fewer than ${shortest} characters: run \`npx wrangler secret put ${name}\`.`;
}
