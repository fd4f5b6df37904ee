import { HTTPException } from "hono/http-exception";
import { accessRoutes } from "./access/routes.ts";
import { catalogRoutes } from "./catalog/routes.ts";
import { describeAgreementMessages } from "./customers/agreement-messages.ts";
import { agreementRoutes } from "./customers/agreement-routes.ts";
import { awsRoutes } from "./customers/notices/aws-routes.ts";
import { customerRoutes } from "./customers/customer-routes.ts";
import { noticeRoutes } from "./customers/notices/notice-routes.ts";
import { redeemRoutes } from "./customers/registration/redeem-routes.ts";
import { registrationRoutes } from "./customers/registration/routes.ts";
import { failureOf, stackOf } from "./http/failure.ts";
import { problem } from "./http/problems.ts";
import { router } from "./http/router.ts";
import { withoutSecrets } from "./http/secrets.ts";
import { attemptRoutes } from "./ledger/attempt-routes.ts";
import { ledgerRoutes } from "./ledger/routes.ts";
import { parkedRoutes } from "./parked/routes.ts";
import { usageRoutes } from "./usage/routes.ts";
import { describeAlarmMessages, watchRoutes } from "./watch/routes.ts";
import { messageRoutes } from "./webhooks/routes.ts";

/** The HTTP face of the gateway: each room's routes, and what is said when none fits or one fails. */
export const app = router();

app.route("/", usageRoutes);
app.route("/", registrationRoutes);
app.route("/", catalogRoutes);
app.route("/", accessRoutes);
app.route("/", agreementRoutes);
app.route("/", customerRoutes);
app.route("/", redeemRoutes);
app.route("/", awsRoutes);
app.route("/", noticeRoutes);
app.route("/", messageRoutes);
app.route("/", ledgerRoutes);
app.route("/", attemptRoutes);
app.route("/", parkedRoutes);
app.route("/", watchRoutes);

const description =
  "Post usage and redeem registration codes with an ingest key; what is at /v1 beside that is the operator's and takes the admin token. AWS and customers' browsers come to /aws and /register. What happens is posted to your WEBHOOK_URL; see the webhooks.";
app.openAPIRegistry.registerComponent("securitySchemes", "ingestKey", { type: "http", scheme: "bearer" });
app.openAPIRegistry.registerComponent("securitySchemes", "adminToken", { type: "http", scheme: "bearer" });
app.openAPIRegistry.registerComponent("securitySchemes", "eventsSecret", {
  type: "apiKey",
  in: "header",
  name: "x-api-key",
});
describeAgreementMessages(app);
describeAlarmMessages(app);
app.doc31("/openapi.json", { openapi: "3.1.0", info: { title: "Metergate", version: "1", description } });
app.get("/", (c) => c.json({ service: "metergate", api: "/openapi.json" }));

app.notFound((c) => {
  return problem(c, {
    code: "not_found",
    detail: `There is no ${c.req.method} ${c.req.path}; /openapi.json lists what there is.`,
  });
});

/** A throw is a fault of ours or of what we stand on. Nothing was acknowledged, so the same request may be sent again. */
app.onError((error, c) => {
  if (error instanceof HTTPException && error.status === 415) {
    return problem(c, {
      code: "unsupported_media_type",
      detail: "Send JSON, with the header Content-Type: application/json.",
    });
  }
  if (error instanceof HTTPException && error.status < 500) {
    return problem(c, { code: "invalid_json", detail: "The body cannot be read as JSON." });
  }
  const what = failureOf(error);
  // A caller may have put a key into the path.
  const shown = (text: string) => withoutSecrets(text, c.env);
  // oxlint-disable-next-line no-console -- Workers Logs is where an operator finds the cause; the caller gets none of it.
  console.error({
    message: "request failed",
    method: c.req.method,
    path: shown(c.req.path),
    error: shown(what),
    stack: shown(stackOf(error)),
  });
  if (what.includes("no such table")) {
    const detail = "The ledger's tables are missing: run `npm run deploy`, which applies the migrations.";
    return problem(c, { code: "not_configured", detail });
  }
  const detail =
    "The gateway failed. Send the same request again; usage that is counted already will be a duplicate.";
  return problem(c, { code: "unavailable", detail, headers: { "retry-after": "2" } });
});
