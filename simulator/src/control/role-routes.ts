import { Hono } from "hono";
import { z } from "zod";
import { publicKey } from "../operations/register-usage.ts";
import type { Simulator } from "../simulator.ts";
import { readBody, Refusal } from "./requests.ts";

const roleSchema = z.strictObject({
  roleArn: z.string().regex(/^arn:aws[a-z-]*:iam::\d{12}:role\/.+$/, { error: "must be the ARN of a role" }),
  externalId: z.string().min(2).max(1224).nullable().default(null),
  webIdentity: z
    .strictObject({
      issuer: z.url({ protocol: /^https$/ }),
      subject: z.string().min(1).nullable().default(null),
      audience: z.string().min(1).nullable().default(null),
      keys: z
        .array(z.looseObject({ kty: z.enum(["RSA", "EC"]) }))
        .max(20)
        .default([]),
    })
    .nullable()
    .default(null),
  maxSessionSeconds: z.int().min(3600).max(43_200).default(3600),
});

/** The roles that STS knows, and the key that RegisterUsage signs with. */
export function roleRoutes({ store }: Simulator): Hono {
  return new Hono()
    .get("/roles", (c) => c.json({ roles: store.list("role", { limit: 10_000 }).map(({ value }) => value) }))
    .post("/roles", async (c) => {
      const role = await readBody(c, roleSchema);
      if (role instanceof Refusal) return role.answer(c);
      const isNew = store.get("role", role.roleArn) === undefined;
      store.put("role", role.roleArn, role);
      return c.json(role, isNew ? 201 : 200);
    })
    .get("/public-key", (c) => {
      const key = publicKey(store);
      return key === undefined
        ? new Refusal(404, "RegisterUsage has signed nothing yet.").answer(c)
        : c.json(key);
    });
}
