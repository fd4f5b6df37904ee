import { Hono } from "hono";
import { z } from "zod";
import type { Simulator } from "../simulator.ts";
import { accountId, readBody, Refusal } from "./requests.ts";

export const productCodeSchema = z
  .string()
  .min(1)
  .max(255)
  // AWS's pattern, without the slash: agreements are filed by `product/account`.
  .regex(/^[-a-zA-Z0-9=:_.@]+$/, { error: "must be letters, digits and - = : _ . @" });

const productSchema = z.strictObject({
  productCode: productCodeSchema,
  dimensions: z.array(z.string().min(1).max(255)).min(1).max(1000),
  concurrentAgreements: z.boolean().default(true),
  sellerAccountId: accountId.optional(),
  regions: z.array(z.string().min(1)).min(1).nullable().default(null),
});

export function productRoutes(simulator: Simulator): Hono {
  const { store, seller } = simulator;
  return new Hono()
    .get("/products", (c) =>
      c.json({ products: store.list("product", { limit: 10_000 }).map(({ value }) => value) }),
    )
    .post("/products", async (c) => {
      const body = await readBody(c, productSchema);
      if (body instanceof Refusal) return body.answer(c);
      const product = { ...body, sellerAccountId: body.sellerAccountId ?? seller.accountId };
      const isNew = store.get("product", product.productCode) === undefined;
      store.put("product", product.productCode, product);
      return c.json(product, isNew ? 201 : 200);
    });
}
