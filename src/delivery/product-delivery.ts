import type { deliveries } from "../ledger/schema.ts";
import type { MarketplaceError } from "../marketplace/index.ts";
import { MINUTE, SECOND } from "../meter/hours.ts";

/** How the delivery of a product goes: whether AWS takes its calls, and when the next may be made. */
export type Delivery = typeof deliveries.$inferSelect;

/** A wrong setting is mended by a person, who should not have to wait long for the proof. */
const SETTING_RETRY = 5 * MINUTE;

const MAX_BACKOFF = 10 * MINUTE;

export function noDelivery(productId: string): Delivery {
  return {
    productId,
    lastSuccessAt: null,
    failures: 0,
    notBefore: 0,
    pausedAt: null,
    errorCode: null,
    errorDetail: null,
  };
}

/** A call was taken: whatever was wrong is mended. */
export function afterSuccess({ productId }: Delivery, now: number): Delivery {
  return { ...noDelivery(productId), lastSuccessAt: now };
}

/** A passing fault. Full jitter: products that failed together must not come back together. */
export function afterFault(
  delivery: Delivery,
  error: MarketplaceError,
  { time, random }: { readonly time: number; readonly random: () => number },
): Delivery {
  const ceiling = Math.min(MAX_BACKOFF, SECOND * 2 ** Math.min(delivery.failures, 20));
  const notBefore = time + 1 + Math.floor(random() * ceiling);
  return { ...delivery, ...saying(error), failures: delivery.failures + 1, notBefore };
}

/** A wrong setting: the product pauses, and one call at a time tries whether it has been mended. */
export function afterWrongSetting(delivery: Delivery, error: MarketplaceError, now: number): Delivery {
  const pausedAt = delivery.pausedAt ?? now;
  const failures = delivery.failures + 1;
  return { ...delivery, ...saying(error), failures, pausedAt, notBefore: now + SETTING_RETRY };
}

const saying = ({ code, message }: MarketplaceError) => ({ errorCode: code, errorDetail: message });
