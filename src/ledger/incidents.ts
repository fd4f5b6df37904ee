import { and, eq, lte, notInArray, sql } from "drizzle-orm";
import { HOUR } from "../meter/hours.ts";
import type { Ledger } from "./database.ts";
import { incidents, type IncidentKind } from "./schema.ts";

/** How long a person is told of what has happened. */
const MEMORY = 24 * HOUR;

export interface Incident {
  readonly kind: IncidentKind;
  /** What of the kind it is, or what it is about: one row for each. */
  readonly subject: string;
  /** What has happened, and what to do. */
  readonly detail: string;
}

/**
 * Notes that something has happened that leaves no other trace: a person is told of it for a day.
 *
 * @param now epoch milliseconds
 */
export async function noteIncident(
  ledger: Ledger,
  { kind, subject, detail }: Incident,
  now: number,
): Promise<void> {
  await ledger
    .insert(incidents)
    .values({ kind, subject, detail, count: 1, happenedAt: now })
    .onConflictDoUpdate({
      target: [incidents.kind, incidents.subject],
      set: { detail, count: sql`${incidents.count} + 1`, happenedAt: now },
    });
}

/** Forgets what is mended. */
export async function forgetIncident(ledger: Ledger, kind: IncidentKind, subject: string): Promise<void> {
  await ledger.delete(incidents).where(and(eq(incidents.kind, kind), eq(incidents.subject, subject)));
}

/** What is so until it is mended. */
const LASTING: IncidentKind[] = ["notices_unsubscribed", "webhooks_failing"];

/** Forgets what a day is over since. */
export async function forgetOldIncidents(ledger: Ledger, now: number): Promise<void> {
  await ledger
    .delete(incidents)
    .where(and(lte(incidents.happenedAt, now - MEMORY), notInArray(incidents.kind, LASTING)));
}
