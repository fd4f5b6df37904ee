import type { CredentialProvider, Credentials, CredentialsOutcome } from "./credentials.ts";
import { hasExpired, isSameSession } from "./credentials.ts";

export interface RefreshOptions {
  /** Gets new credentials; called by one caller at a time. */
  readonly obtain: () => Promise<CredentialsOutcome>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** How long before a session ends it is replaced. Five minutes when absent. */
  readonly aheadMs?: number;
  /** How long a failed refresh is not repeated while the old session still works. Thirty seconds when absent. */
  readonly pauseMs?: number;
}

/**
 * Credentials that renew themselves shortly before they end, and when AWS has refused them.
 *
 * Callers who need new ones at the same time share one call. If it fails while the old session still works, the old one
 * is used on; only when it does not is the failure the answer. In a Worker, keep one provider per Durable Object or per
 * invocation: what one request waits for may not depend on another request that the platform can cancel.
 */
export function refreshingCredentials(options: RefreshOptions): CredentialProvider {
  const { obtain, now, aheadMs = 300_000, pauseMs = 30_000 } = options;
  let current: Credentials | null = null;
  let pausedUntil = Number.NEGATIVE_INFINITY;
  let underWay: Promise<CredentialsOutcome> | null = null;

  const works = (credentials: Credentials, at: number): boolean => !hasExpired(credentials, at);
  const use = (value: Credentials): CredentialsOutcome => ({ ok: true, value, requestId: null });

  async function refresh(): Promise<CredentialsOutcome> {
    const outcome = await obtain();
    if (outcome.ok) current = outcome.value;
    else pausedUntil = now() + pauseMs;
    return outcome;
  }

  function refreshOnce(): Promise<CredentialsOutcome> {
    underWay ??= refresh().finally(() => {
      underWay = null;
    });
    return underWay;
  }

  return async (rejected) => {
    const held = current;
    const isRejected = held !== null && rejected !== undefined && isSameSession(held, rejected);
    if (held !== null && !isRejected) {
      if (works(held, now() + aheadMs)) return use(held);
      if (works(held, now()) && now() < pausedUntil) return use(held);
    }
    const outcome = await refreshOnce();
    return !outcome.ok && held !== null && !isRejected && works(held, now()) ? use(held) : outcome;
  };
}
