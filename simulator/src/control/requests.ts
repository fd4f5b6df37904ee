import type { Context } from "hono";
import { z } from "zod";

/** A refusal: nothing has changed. Says which field is wrong, and how. */
export class Refusal {
  readonly status: 400 | 404 | 413;
  readonly error: string;
  readonly field: string | null;

  constructor(status: 400 | 404 | 413, error: string, field: string | null = null) {
    this.status = status;
    this.error = error;
    this.field = field;
  }

  answer(c: Context): Response {
    return c.json({ error: this.error, field: this.field }, this.status);
  }
}

/** What is kept of a body must fit into one row of a Durable Object's SQLite: 2 MB. */
const maxCharacters = 1_000_000;

/** Reads a JSON body by its schema; an absent one is `{}`. */
export async function readBody<S extends z.ZodType>(c: Context, schema: S): Promise<z.output<S> | Refusal> {
  const text = await c.req.text();
  if (text.length > maxCharacters) return new Refusal(413, "The body is over 1 MB.");
  let json: unknown;
  try {
    json = text === "" ? {} : JSON.parse(text);
  } catch {
    return new Refusal(400, "The body is not JSON.");
  }
  return check(json, schema);
}

/** Reads the query string by its schema. */
export const readQuery = <S extends z.ZodType>(c: Context, schema: S): z.output<S> | Refusal =>
  check(c.req.query(), schema);

export function check<S extends z.ZodType>(value: unknown, schema: S): z.output<S> | Refusal {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  const issue = error.issues[0];
  const field = fieldOf(issue);
  const what = issue?.message ?? "invalid";
  return new Refusal(400, field === null ? `The body is wrong: ${what}.` : `${field}: ${what}.`, field);
}

function fieldOf(issue: z.core.$ZodIssue | undefined): string | null {
  const path: PropertyKey[] = [...(issue?.path ?? [])];
  if (issue?.code === "unrecognized_keys") path.push(...issue.keys.slice(0, 1));
  if (path.length === 0) return null;
  return path
    .map((part, i) => (typeof part === "number" ? `[${part}]` : `${i > 0 ? "." : ""}${String(part)}`))
    .join("");
}

/** A time in ISO 8601 or in epoch milliseconds, to epoch milliseconds. */
export const time = z
  .union([
    z.iso.datetime({ offset: true }).transform((text) => Date.parse(text)),
    z.int().min(0).max(253_402_300_799_999),
  ])
  .describe("ISO 8601");

export const accountId = z.string().regex(/^\d{12}$/, { error: "must be an AWS account id of 12 digits" });

/** A page of a list that grows: entries after a cursor, oldest first; without one, the newest. */
export const page = {
  after: z.coerce.number().int().min(0).optional(),
  limit: z.coerce.number().int().min(1).max(10_000).default(1000),
};
