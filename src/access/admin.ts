import { createMiddleware } from "hono/factory";
import { timingSafeEqual } from "hono/utils/buffer";
import { problem } from "../http/problems.ts";
import type { AppEnv } from "../http/router.ts";
import { bearerToken } from "./tokens.ts";

/** Lets only the operator through: the bearer of `ADMIN_TOKEN`. Without that secret nobody gets in. */
export const requireAdmin = createMiddleware<AppEnv>(async (c, next) => {
  const expected = c.env.ADMIN_TOKEN;
  if (expected === undefined || expected === "") {
    return problem(c, {
      code: "not_configured",
      detail: "The admin API is closed until its token is set: run `npx wrangler secret put ADMIN_TOKEN`.",
    });
  }
  const token = bearerToken(c.req.header("authorization"));
  if (token === null || !(await timingSafeEqual(token, expected))) {
    const detail =
      "Send the admin token: `Authorization: Bearer <ADMIN_TOKEN>`. An ingest key does not open the admin API.";
    return problem(c, {
      code: "unauthorized",
      detail,
      headers: { "www-authenticate": 'Bearer realm="metergate admin"' },
    });
  }
  return next();
});
