import { findProduct, findSharedPage, listProducts } from "../../catalog/products.ts";
import type { Ledger } from "../../ledger/database.ts";
import type { Brand } from "./pages/layout.ts";

/** Whose page it is: the product's that the address names, the only one's that there is, or what all products show alike. */
export async function brandOf(ledger: Ledger, productId: string | null): Promise<Brand> {
  if (productId !== null) return findProduct(ledger, productId);
  const [first = null, second] = await listProducts(ledger, { limit: 2 });
  return second === undefined ? first : sharedBrand(ledger);
}

/** A seller of several products is most likely the same on all their pages. */
async function sharedBrand(ledger: Ledger): Promise<Brand> {
  const page = await findSharedPage(ledger);
  return page === null ? null : { name: null, page };
}
