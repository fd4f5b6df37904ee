import { findProduct, type Product } from "../../catalog/products.ts";
import { failureOf } from "../../http/failure.ts";
import { forgetIncident, noteIncident } from "../../ledger/incidents.ts";
import type { Surroundings } from "../surroundings.ts";

/**
 * Tells the operator, for a day, that a listing's fulfillment URL brings its customers to another product's address, until
 * one of them comes by a right one. The customer is in by now, and nothing that fails here is theirs.
 *
 * @param named the product that the address names; null when it names none, which is right for all
 */
export async function watchAddress(
  surroundings: Surroundings,
  product: Pick<Product, "id" | "productCode">,
  named: string | null,
): Promise<void> {
  const { ledger, now, report } = surroundings;
  const { id, productCode } = product;
  try {
    if (named === null || named === id) {
      await forgetIncident(ledger, "registration_misplaced", id);
      return;
    }
    const detail = `Customers of product "${id}" have come to ${await placeOf(surroundings, named)}. They are let in to "${id}", as AWS says whose they are. Correct the fulfillment URL of the listing with the product code "${productCode}": at this gateway it is /register/${encodeURIComponent(id)}.`;
    await noteIncident(ledger, { kind: "registration_misplaced", subject: id, detail }, now());
  } catch (error) {
    report(`it was not noted by which address a customer came: ${failureOf(error)}`, { product: id });
  }
}

/** The address is the customer's browser's: what no product is called is not repeated to a person. */
async function placeOf({ ledger }: Surroundings, named: string): Promise<string> {
  const other = await findProduct(ledger, named);
  return other === null ? "an address that names no product" : `the address of product "${other.id}"`;
}
