import { INGEST_KEY } from "../access/tokens.ts";

/** Below this a string is no secret, and hiding it would only make a message unreadable. */
const SHORTEST_SECRET = 8;

/** Hides ingest keys and the deployment's own secrets, which a caller may have put where they do not belong. */
export function withoutSecrets(text: string, env: Env | undefined): string {
  let clean = text.replace(INGEST_KEY, "[hidden]");
  const secrets = [
    env?.ADMIN_TOKEN,
    env?.AWS_SECRET_ACCESS_KEY,
    env?.AWS_SESSION_TOKEN,
    env?.WEBHOOK_SECRET,
    env?.WEBHOOK_URL,
    env?.REGISTRATION_SECRET,
    // Two, perhaps, while it is changed.
    ...(env?.EVENTS_SECRET?.split(/\s+/) ?? []),
  ];
  for (const secret of secrets) {
    if (secret === undefined || secret.length < SHORTEST_SECRET) continue;
    // As it is, and as an address writes it.
    clean = clean
      .replaceAll(secret, "[hidden]")
      .replaceAll(encodeURIComponent(secret.toWellFormed()), "[hidden]");
  }
  return clean;
}
