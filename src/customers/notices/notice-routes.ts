import { createRoute, z } from "@hono/zod-openapi";
import { requireAdmin } from "../../access/admin.ts";
import { problemResponses } from "../../http/problems.ts";
import { page, pageQuery, router } from "../../http/router.ts";
import { openLedger } from "../../ledger/database.ts";
import { noticeKinds, noticeSources } from "../../ledger/schema.ts";
import { listNotices, type Notice } from "./notices.ts";

/** A notice as the API shows it. */
export const noticeSchema = z
  .object({
    id: z.string(),
    source: z
      .enum(noticeSources)
      .openapi({ description: "gateway: a registration, or what an answer of AWS's has shown" }),
    kind: z.enum(noticeKinds),
    occurredAt: z.iso.datetime().openapi({ description: "By whoever says it" }),
    receivedAt: z.iso.datetime(),
    agreement: z.string().nullable().openapi({ description: "Null while no such agreement has registered" }),
    appliedAt: z.iso.datetime().nullable(),
    productCode: z.string().nullable(),
    awsAgreementId: z.string().nullable(),
    accountId: z.string().nullable(),
    customerIdentifier: z.string().nullable(),
    facts: z.record(z.string(), z.unknown()).openapi({ description: "What else it says" }),
  })
  .openapi("Notice");

/** {@link noticeSchema} of a notice. */
export function presentNotice(notice: Notice): z.output<typeof noticeSchema> {
  const { id, source, kind, productCode, awsAgreementId, accountId, customerIdentifier } = notice;
  return {
    id,
    source,
    kind,
    occurredAt: new Date(notice.occurredAt).toISOString(),
    receivedAt: new Date(notice.receivedAt).toISOString(),
    agreement: notice.agreementId,
    appliedAt: notice.appliedAt === null ? null : new Date(notice.appliedAt).toISOString(),
    productCode,
    awsAgreementId,
    accountId,
    customerIdentifier,
    facts: { ...notice.facts },
  };
}

export const noticeRoutes = router();
noticeRoutes.use("/v1/notices", requireAdmin);

noticeRoutes.openapi(
  createRoute({
    method: "get",
    path: "/v1/notices",
    summary: "List what was heard of agreements",
    description: "From AWS, from a person, and from what AWS answered.",
    security: [{ adminToken: [] }],
    request: {
      query: pageQuery.extend({
        agreement: z.string().optional(),
        unmatched: z.enum(["true", "false"]).optional().openapi({
          description: "Whether only those whose agreement has not registered, or only the others",
        }),
      }),
    },
    responses: {
      200: {
        description: "Notices in the order of their ids",
        content: {
          "application/json": {
            schema: z.object({ notices: z.array(noticeSchema), next: z.string().nullable() }),
          },
        },
      },
      ...problemResponses(400, 401),
    },
  }),
  async (c) => {
    const { limit, unmatched, ...query } = c.req.valid("query");
    const found = await listNotices(openLedger(c.env.DB), {
      ...query,
      unmatched: unmatched === undefined ? undefined : unmatched === "true",
      limit: limit + 1,
    });
    const { rows, next } = page(found, limit);
    return c.json({ notices: rows.map(presentNotice), next }, 200);
  },
);
