import type { Agreement as SoldAgreement, Entitlement } from "../../simulator/src/model.ts";
import type { NewProduct } from "../../src/catalog/products.ts";
import type { Agreement } from "../../src/ledger/agreements.ts";
import type { Conservation } from "../../src/ledger/conservation.ts";
import { HOUR } from "../../src/meter/hours.ts";
import { formatQuantity, UNIT, type Nano } from "../../src/meter/quantity.ts";
import { BrokenPromise } from "./promises.ts";
import { accountOf } from "./producers.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

type Dimensions = NewProduct["dimensions"];

/** The contract's dimension that includes usage of a metered one. */
const contractOf = (dimension: string): string => `${dimension}-included`;

/** The dimensions of a product whose customers have bought some of their usage in advance. */
export const withContract = (dimensions: Dimensions, random: Random): Dimensions =>
  dimensions.map((dimension) =>
    random.chance(0.3)
      ? dimension
      : {
          ...dimension,
          included: { by: contractOf(dimension.name), per: random.pick(["hour", "month", "term", "term"]) },
        },
  );

/** A contract as AWS has it; sometimes it ends soon. */
export function newEntitlements(dimensions: Dimensions, { random, time }: World): Entitlement[] {
  const expiresAt = random.chance(0.7) ? null : time + random.whole(1, 40) * HOUR;
  return dimensions.flatMap(({ included }) =>
    included === undefined || included === null || random.chance(0.2)
      ? []
      : [{ dimension: included.by, value: random.whole(0, 40), expiresAt }],
  );
}

interface Customer {
  readonly product: { readonly dimensions: Dimensions };
  readonly agreement: Agreement;
  readonly sold: SoldAgreement;
}

/** What contracts must come to, of those that stay as they were sold. */
export class Contracts {
  /** By account: what its whole term includes. */
  readonly #included = new Map<string, Nano>();

  /** From now on a customer's contract is as it was sold. */
  expect({ product, agreement, sold }: Customer): void {
    for (const { name, divisor, included } of product.dimensions) {
      const held = sold.entitlements.find(({ dimension }) => dimension === included?.by);
      if (included?.per !== "term" || (held !== undefined && held.expiresAt !== null)) continue;
      const quantity = BigInt(Number(held?.value ?? 0)) * BigInt(divisor) * UNIT;
      this.#included.set(accountOf(agreement.id, name), quantity);
    }
  }

  /** It does not stay so: of what comes of it, the books alone say. */
  forget({ product, agreement }: Customer): void {
    for (const { name } of product.dimensions) this.#included.delete(accountOf(agreement.id, name));
  }

  /** After every step: a term includes its quantity and no more, and nothing is billed before all of it is used. */
  check(rows: readonly Conservation[]): void {
    for (const { agreement, dimension, withheld, carry, ...row } of rows) {
      const included = this.#included.get(accountOf(agreement, dimension));
      if (included === undefined) continue;
      const above = row.delivered + row.pending + (row.parked - row.held) + carry;
      if (withheld > included || (withheld < included && above > 0n))
        throw new BrokenPromise(
          `${agreement} ${dimension}: of ${formatQuantity(included)}, ${formatQuantity(withheld)} was withheld and ${formatQuantity(above)} not`,
        );
    }
  }
}
