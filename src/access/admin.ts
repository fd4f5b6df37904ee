import { createMiddleware } from "hono/factory";
import { timingSafeEqual } from "hono/utils/buffer";
import { problem } from "../http/problems.ts";
import type { AppEnv } from "../http/router.ts";
import { bearerToken } from "./tokens.ts";

/** Whether a request brings the admin token. Without that secret nobody does. */
export async function isAdmin({ ADMIN_TOKEN }: Env, authorization: string | undefined): Promise<boolean> {
  const token = bearerToken(authorization);
  if (ADMIN_TOKEN === undefined || ADMIN_TOKEN === "" || token === null) return false;
  return timingSafeEqual(token, ADMIN_TOKEN);
}

/** Lets only the operator through: the bearer of `ADMIN_TOKEN`. Without that secret nobody gets in. */
export const requireAdmin = createMiddleware<AppEnv>(async (c, next) => {
  const expected = c.env.ADMIN_TOKEN ?? "";
  if (bearerToken(`Bearer ${expected}`) === null) {
    const why =
      expected === ""
        ? "The admin API is closed until its token is set"
        : "The admin API is closed, since ADMIN_TOKEN has characters that no Authorization header can carry: use letters, digits and - . _ ~ + /";
    return problem(c, {
      code: "not_configured",
      detail: `${why}: run \`npx wrangler secret put ADMIN_TOKEN\`.`,
    });
  }
  if (!(await isAdmin(c.env, c.req.header("authorization")))) {
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
