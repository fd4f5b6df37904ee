import { findProduct, listProducts } from "../../catalog/products.ts";
import type { Ledger } from "../../ledger/database.ts";
import type { Brand } from "./pages/layout.ts";

/** The product whose page it is: the one that the address names, or the only one that there is. */
export async function brandOf(ledger: Ledger, productId: string | null): Promise<Brand> {
  if (productId !== null) return findProduct(ledger, productId);
  const [first = null, second] = await listProducts(ledger, { limit: 2 });
  return second === undefined ? first : null;
}
