import { DrizzleQueryError } from "drizzle-orm";

/**
 * What has failed, for the log: of a statement its words and what D1 says of it, without the values that it was run with.
 * Those may be a customer's e-mail address.
 */
export function failureOf(error: unknown): string {
  const what = error instanceof DrizzleQueryError ? `Error: Failed query: ${error.query}` : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return what + cause;
}

/** Where it has failed. Its words are {@link failureOf}'s affair, and a stack repeats them, values and all. */
export const stackOf = ({ stack = "", message }: Error): string => stack.replace(message, () => "");
