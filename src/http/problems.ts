import { z } from "@hono/zod-openapi";
import type { Context } from "hono";
import type { ContentfulStatusCode } from "hono/utils/http-status";
import { withoutSecrets } from "./secrets.ts";

/** Every way a request as a whole can be refused, and its HTTP status. The codes are stable; producers match them. */
const problems = {
  invalid_json: { status: 400, title: "The body is not valid JSON" },
  invalid_request: { status: 400, title: "The request is not as it must be" },
  unauthorized: { status: 401, title: "The credentials are missing or wrong" },
  forbidden: { status: 403, title: "That is not taken from you" },
  not_found: { status: 404, title: "There is nothing here" },
  conflict: { status: 409, title: "That does not go with what is there" },
  gone: { status: 410, title: "That is over" },
  too_large: { status: 413, title: "The request is too large" },
  unsupported_media_type: { status: 415, title: "The content type is not supported" },
  overloaded: { status: 429, title: "Too much at once" },
  not_configured: { status: 503, title: "The gateway is not set up yet" },
  unavailable: { status: 503, title: "The gateway cannot answer now" },
} as const satisfies Record<string, { status: ContentfulStatusCode; title: string }>;

export type ProblemCode = keyof typeof problems;

/** One thing that is wrong with a request's body. */
export interface FieldProblem {
  /** JSON pointer into the body. */
  readonly pointer: string;
  readonly detail: string;
}

export interface ProblemOptions<Code extends ProblemCode = ProblemCode> {
  readonly code: Code;
  /** What is wrong, where, and what to do. */
  readonly detail: string;
  readonly errors?: readonly FieldProblem[];
  readonly headers?: Record<string, string>;
}

/** Answers with problem details (RFC 9457). The only place that turns a refusal into a status. */
export function problem<Code extends ProblemCode>(c: Context, options: ProblemOptions<Code>) {
  const { code, detail, errors, headers = {} } = options;
  const status: (typeof problems)[Code]["status"] = problems[code].status;
  const body = {
    type: `urn:metergate:problem:${code}`,
    title: problems[code].title,
    status,
    code,
    detail: shown(c, detail),
    ...(errors !== undefined && {
      errors: errors.map(({ pointer, detail }) => ({ pointer, detail: shown(c, detail) })),
    }),
  };
  return c.json(body, status, { "content-type": "application/problem+json", ...headers });
}

/** More of what a caller has sent helps nobody to find the mistake. */
const MAX_DETAIL_LENGTH = 2000;

/** What may be said of a request: it goes into the logs of whoever sent it. */
function shown(c: Context, detail: string): string {
  const text = withoutSecrets(detail, c.env as Env | undefined);
  return text.length > MAX_DETAIL_LENGTH ? `${text.slice(0, MAX_DETAIL_LENGTH).toWellFormed()}…` : text;
}

export const problemSchema = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.number().int(),
    code: z.enum(Object.keys(problems) as [ProblemCode, ...ProblemCode[]]),
    detail: z.string(),
    errors: z.array(z.object({ pointer: z.string(), detail: z.string() })).optional(),
  })
  .openapi("Problem");

/** The answers of a route that refuses with problem details, for its OpenAPI description. */
export function problemResponses<Status extends number>(...statuses: Status[]) {
  const response = {
    description: "Problem details",
    content: { "application/problem+json": { schema: problemSchema } },
  };
  return Object.fromEntries(statuses.map((status) => [status, response])) as Record<Status, typeof response>;
}
