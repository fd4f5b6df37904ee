import { sql } from "drizzle-orm";
import { expect, it } from "vitest";
import { isRecordOf, recordId } from "../../../src/ledger/record-id.ts";
import { WatchedLedger } from "./watched-ledger.ts";

const DIMENSION = "a;b:c";
const ids = ["agr_1", "agr_10", "agr_1;", "agr_", "agr_2"].flatMap((agreement) =>
  ["2026-12-31T23", "2027-01-01T00", "2027-01-01T01"].map((hour) =>
    recordId({ agreement, hour: Date.parse(`${hour}:00:00Z`), dimension: DIMENSION }),
  ),
);

it.each([
  ["all", undefined, ["2026-12-31T23", "2027-01-01T00", "2027-01-01T01"]],
  ["those from an hour on", Date.UTC(2027, 0, 1), ["2027-01-01T00", "2027-01-01T01"]],
])("an agreement's records are known by their ids: %s", async (_which, from, hours) => {
  const { ledger, database } = new WatchedLedger();
  const rows = await ledger.all<{ id: string }>(sql`
    SELECT value AS id FROM json_each(${JSON.stringify(ids)})
    WHERE ${isRecordOf(sql`value`, sql`${"agr_1"}`, from)} ORDER BY value`);
  expect(rows.map(({ id }) => id)).toEqual(hours.map((hour) => `agr_1:${hour}:${DIMENSION}`));
  database.close();
});
