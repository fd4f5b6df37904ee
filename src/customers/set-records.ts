import { sql } from "drizzle-orm";
import type { Ledger } from "../ledger/database.ts";
import { isRecordOf } from "../ledger/record-id.ts";
import { HOUR, hourDeadline, hourOf, SECOND } from "../meter/hours.ts";
import type { Agreement } from "../ledger/agreements.ts";

/** An open record is a day old at most; what a fault has left open longer no setting can save. */
const OLDEST_OPEN = 72 * HOUR;

/** Records that one statement sets: its parameter stays below D1's 2 MB. */
const MAX_SET = 5000;

export type RecordedAgreement = Pick<
  Agreement,
  "id" | "usageUntil" | "endedAt" | "activatedAt" | "startsAt" | "lifeVersion"
>;

interface Setting {
  /** Whether there is news of the agreements, by which what has waited may be due. */
  readonly hasNews: boolean;
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * Sets agreements' open records to what these have become: those of one that ends go before all others and have its final
 * hour as their deadline; what has waited for the activation is due, or, where AWS knows no agreement at the time of the
 * usage, joins the open hour. Records that are as they should be are not written.
 */
export async function setRecords(
  ledger: Ledger,
  agreements: readonly RecordedAgreement[],
  { hasNews, now }: Setting,
): Promise<void> {
  const wanted = agreements.map((agreement) => wantedOf(agreement, { hasNews, now }));
  const found = await differing(ledger, wanted, now);
  const byId = new Map(wanted.map((one) => [one.id, one]));
  const set = found.flatMap((record) => {
    const agreement = byId.get(record.agreement);
    return agreement === undefined ? [] : settingOf(agreement, record);
  });
  for (let from = 0; from < set.length; from += MAX_SET)
    await write(ledger, set.slice(from, from + MAX_SET), now);
}

/** What an agreement's open records are to be. */
interface Wanted {
  readonly id: string;
  readonly lifeVersion: number;
  readonly priority: 0 | 1;
  /** Null while no end is known. */
  readonly until: number | null;
  readonly isDue: 0 | 1;
  /** Usage of before is of no agreement that AWS knows. */
  readonly start: number;
}

function wantedOf(
  { id, usageUntil, endedAt, activatedAt, startsAt, lifeVersion }: RecordedAgreement,
  { hasNews, now }: Setting,
): Wanted {
  const isDue = hasNews && activatedAt !== null;
  const start = isDue && startsAt !== null && startsAt <= now ? startsAt : 0;
  return {
    id,
    lifeVersion,
    priority: endedAt === null ? 1 : 0,
    until: usageUntil,
    isDue: isDue ? 1 : 0,
    start,
  };
}

interface OpenRecord {
  readonly id: string;
  readonly agreement: string;
  readonly hour: number;
  readonly deadline: number;
  readonly priority: 0 | 1;
  readonly mayBeHeld: 0 | 1;
  /** Seconds since 1970. */
  readonly timestamp: number;
}

/** The open records that may not be as they should: of one that ends, most are. */
function differing(ledger: Ledger, wanted: readonly Wanted[], now: number): Promise<OpenRecord[]> {
  return ledger.all<OpenRecord>(sql`
    SELECT records.id AS id, wanted.value ->> 'id' AS agreement, hour, deadline, priority, may_be_held AS mayBeHeld,
           usage_record ->> 'Timestamp' AS timestamp
    FROM json_each(${JSON.stringify(wanted)}) AS wanted
    CROSS JOIN records ON ${isRecordOf(sql`records.id`, sql`wanted.value ->> 'id'`, oldestOf(now))}
    WHERE settled_at IS NULL
    AND (wanted.value ->> 'isDue' OR priority <> wanted.value ->> 'priority' OR deadline IS NOT wanted.value ->> 'until')`);
}

interface SetRecord {
  readonly id: string;
  readonly agreement: string;
  readonly lifeVersion: number;
  readonly priority: 0 | 1;
  readonly deadline: number;
  readonly isDue: 0 | 1;
  readonly rolls: 0 | 1;
}

function settingOf(
  { id: agreement, lifeVersion, priority, until, isDue, start }: Wanted,
  record: OpenRecord,
): SetRecord[] {
  const deadline = Math.min(hourDeadline(record.hour), until ?? Infinity);
  const rolls = record.mayBeHeld === 0 && record.timestamp * SECOND < start ? 1 : 0;
  const isAsItWas = deadline === record.deadline && priority === record.priority && isDue === 0;
  return isAsItWas ? [] : [{ id: record.id, agreement, lifeVersion, priority, deadline, isDue, rolls }];
}

async function write(ledger: Ledger, set: readonly SetRecord[], now: number): Promise<void> {
  const rolls = sql`wanted.value ->> 'rolls'`;
  await ledger.run(sql`
    UPDATE records SET priority = wanted.value ->> 'priority', deadline = wanted.value ->> 'deadline',
                       next_attempt_at = iif(wanted.value ->> 'isDue', ${now}, next_attempt_at),
                       state = iif(${rolls}, 'rolling', state), settled_at = iif(${rolls}, ${now}, NULL)
    FROM json_each(${JSON.stringify(set)}) AS wanted
    WHERE records.id = wanted.value ->> 'id' AND records.settled_at IS NULL
    AND (records.may_be_held = 0 OR NOT ${rolls})
    -- Not when it has become something else meanwhile: whoever has changed it sets them to that.
    AND EXISTS (SELECT 1 FROM agreements
                WHERE id = wanted.value ->> 'agreement' AND life_version = wanted.value ->> 'lifeVersion')`);
}

/**
 * Has the records of an agreement sent after all that were given up by an end which a later notice has taken back or put
 * off: AWS takes them again, and surely has none of them.
 *
 * @param now epoch milliseconds
 */
export async function bringBack(
  ledger: Ledger,
  { id, usageUntil, endedAt, lifeVersion }: RecordedAgreement,
  now: number,
): Promise<void> {
  const givenUp = await ledger.all<Pick<OpenRecord, "id" | "hour">>(sql`
    SELECT id, hour FROM records WHERE ${isRecordOf(sql`id`, sql`${id}`, oldestOf(now))}
    AND state = 'parked' AND reason = 'expired' AND may_be_held = 0`);
  const back = givenUp
    .map((record) => ({
      id: record.id,
      deadline: Math.min(hourDeadline(record.hour), usageUntil ?? Infinity),
    }))
    .filter(({ deadline }) => deadline > now);
  if (back.length === 0) return;
  await ledger.run(sql`
    UPDATE records SET state = 'pending', reason = NULL, settled_at = NULL, next_attempt_at = ${now},
                       priority = ${endedAt === null ? 1 : 0}, deadline = wanted.value ->> 'deadline'
    FROM json_each(${JSON.stringify(back)}) AS wanted
    WHERE records.id = wanted.value ->> 'id' AND state = 'parked' AND reason = 'expired'
    AND EXISTS (SELECT 1 FROM agreements WHERE id = ${id} AND life_version = ${lifeVersion})`);
}

/** The hour of the oldest record that may be open. */
const oldestOf = (now: number): number => hourOf(now - OLDEST_OPEN);
