/** Below this a string is no secret, and hiding it would only make a message unreadable. */
const shortestSecret = 8;
const longestText = 300;

/** AWS's answer to a wrong signature quotes the signed headers, the session token among them, from here on. */
const quotedRequest = /The Canonical String for this request[\s\S]*$/;

/**
 * Makes foreign text fit for a message: one line, of a readable length, with none of `secrets` in it, neither as they
 * are nor as a form or a URL would write them.
 */
export function redact(text: string, secrets: readonly (string | undefined)[]): string {
  let clean = text.replace(quotedRequest, "");
  for (const secret of secrets) {
    if (secret === undefined || secret.length < shortestSecret) continue;
    const spellings = [
      secret,
      encodeURIComponent(secret.toWellFormed()),
      JSON.stringify(secret).slice(1, -1),
    ];
    for (const spelling of spellings) clean = clean.replaceAll(spelling, "[hidden]");
  }
  const line = clean.replace(/\s+/g, " ").trim().replace(/\.$/, "");
  return line.length > longestText ? `${line.slice(0, longestText)}…` : line;
}
