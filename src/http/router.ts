import { OpenAPIHono, z } from "@hono/zod-openapi";
import type { Context } from "hono";
import { problem } from "./problems.ts";

/** The bindings of wrangler.toml and the secrets, which are absent until the operator sets them. */
export interface AppEnv {
  Bindings: Env;
}

/** A router whose bodies, parameters and queries are checked, and refused with problem details. */
export function router<E extends AppEnv = AppEnv>(): OpenAPIHono<E> {
  return new OpenAPIHono<E>({ defaultHook: refuseInvalid });
}

function refuseInvalid(
  result: { success: boolean; error?: unknown; target: string },
  c: Context,
): Response | undefined {
  if (result.success || !(result.error instanceof z.ZodError)) return undefined;
  const errors = result.error.issues
    .flatMap(insideUnion)
    .flatMap(eachUnknownField)
    .map(({ path, message }) => ({ pointer: pointerTo(path), detail: message }));
  const where = result.target === "json" ? "body" : result.target;
  const detail = `The ${where} has ${errors.length === 1 ? "a field that is" : "fields that are"} not valid; see errors.`;
  return problem(c, { code: "invalid_request", detail, errors });
}

/** Of an input that can be of several types, what is wrong within the type that it has: "invalid input" helps nobody. */
function insideUnion(issue: z.core.$ZodIssue): z.core.$ZodIssue[] {
  if (issue.code !== "invalid_union") return [issue];
  const meant = issue.errors.find(
    (issues) => !issues.some(({ code, path }) => code === "invalid_type" && path.length === 0),
  );
  if (meant === undefined) return [issue];
  return meant.flatMap(insideUnion).map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }));
}

/** An answer says no more of what was sent than a person reads. */
const MAX_POINTED = 5;
const MAX_KEY_LENGTH = 100;

/** Fields that are not known are one issue of what they are in: the first few are pointed to. */
function eachUnknownField(issue: z.core.$ZodIssue): Pick<z.core.$ZodIssue, "path" | "message">[] {
  if (issue.code !== "unrecognized_keys") return [issue];
  const keys = issue.keys.filter((key) => key.length <= MAX_KEY_LENGTH).slice(0, MAX_POINTED);
  if (keys.length === 0) return [{ path: issue.path, message: "has a field that is not known" }];
  return keys.map((key) => ({ path: [...issue.path, key], message: "is not known" }));
}

/** As a JSON Pointer in a fragment (RFC 6901): "#" is the whole. */
function pointerTo(path: readonly PropertyKey[]): string {
  const steps = path.map((step) => `/${String(step).replaceAll("~", "~0").replaceAll("/", "~1")}`);
  return `#${steps.join("")}`;
}

/** How many items a page holds when nobody says. */
const PAGE = 100;

/** The query of every list: pages are asked for by the cursor that the page before gave. */
export const pageQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(PAGE).openapi({ description: "Items a page" }),
  after: z.string().max(1000).optional().openapi({ description: "`next` of the page before" }),
});

/**
 * Cuts a page from rows of which one more than the limit was asked for.
 *
 * @returns the page, and the cursor of the next one, null at the end
 */
export function page<Row extends { id: string }>(
  rows: readonly Row[],
  limit: number,
): { rows: Row[]; next: string | null } {
  const shown = rows.slice(0, limit);
  return { rows: shown, next: rows.length > limit ? (shown.at(-1)?.id ?? null) : null };
}
