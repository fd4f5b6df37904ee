import { asc, eq } from "drizzle-orm";
import type { MeterSettings } from "../meter/account.ts";
import { HOUR, SECOND } from "../meter/hours.ts";
import type { Ledger } from "./database.ts";
import { dimensions, products } from "./schema.ts";

type ProductRow = typeof products.$inferSelect;

/** What of a product its meter's settings are made of; its dimensions in the order of their names. */
interface MeteredProduct extends Pick<
  ProductRow,
  "settleSeconds" | "lateSettleSeconds" | "dedupeDays" | "contract"
> {
  readonly dimensions: readonly { readonly name: string; readonly included: unknown }[];
}

/** The settings that a product is counted by. */
export const meterSettings = ({
  settleSeconds,
  lateSettleSeconds,
  dedupeDays,
  contract,
  dimensions: counted,
}: MeteredProduct): MeterSettings => ({
  settle: settleSeconds * SECOND,
  lateSettle: lateSettleSeconds * SECOND,
  dedupeWindow: dedupeDays * 24 * HOUR,
  awaitsAllowance: contract
    ? counted.filter(({ included }) => included !== null).map(({ name }) => name)
    : [],
});

/** The settings that a product is counted by now; null when there is no such product. */
export async function readMeterSettings(ledger: Ledger, productId: string): Promise<MeterSettings | null> {
  const [[product], counted] = await ledger.batch([
    ledger.select().from(products).where(eq(products.id, productId)),
    ledger
      .select({ name: dimensions.name, included: dimensions.includedBy })
      .from(dimensions)
      .where(eq(dimensions.productId, productId))
      .orderBy(asc(dimensions.name)),
  ]);
  return product === undefined ? null : meterSettings({ ...product, dimensions: counted });
}
