import { z } from "@hono/zod-openapi";
import { formatQuantity } from "../meter/quantity.ts";
import { isConserved, type Places } from "./conservation.ts";

/** Where usage is, as the API shows it: exact decimals. */
export const places = {
  accepted: z.string(),
  delivered: z.string(),
  pending: z.string(),
  parked: z.string().openapi({ description: "Waits for a person: parked records, and usage that is held" }),
  held: z.string().openapi({ description: "Of the parked: late usage that is in no record yet" }),
  open: z.string(),
  carry: z.string().openapi({ description: "Left for the coming hours; below zero while there is credit" }),
  credit: z.string().openapi({
    description: "Of voided usage that had been billed: what the coming hours are still to make up for",
  }),
  writtenOff: z.string().openapi({ description: "Given up by a person, with a note" }),
  withheld: z
    .string()
    .openapi({ description: "Included in the customer's contract: counted and not billed" }),
  conserved: z.boolean().openapi({
    description: "accepted = delivered + pending + parked + open + carry + writtenOff + withheld",
  }),
};

/** {@link places} of an account, or of several together. */
export function presentPlaces(row: Places) {
  return {
    accepted: formatQuantity(row.accepted),
    delivered: formatQuantity(row.delivered),
    pending: formatQuantity(row.pending),
    parked: formatQuantity(row.parked),
    held: formatQuantity(row.held),
    open: formatQuantity(row.open),
    carry: formatQuantity(row.carry),
    credit: formatQuantity(row.credit),
    writtenOff: formatQuantity(row.writtenOff),
    withheld: formatQuantity(row.withheld),
    conserved: isConserved(row),
  };
}
