import { places, type Account, type Books } from "./books.ts";
import { decimalOf } from "./decimal.ts";
import type { Tally } from "./producers.ts";
import type { Expectation } from "./workload.ts";

/**
 * Holds what was posted against what was answered: every new id accepted once, every repetition a duplicate, every
 * mistake refused for its own reason.
 *
 * @returns a sentence for each difference; none when all is well
 */
export function compareAnswers(expected: Expectation, tally: Tally): string[] {
  const codes = new Set([...expected.refusals.keys(), ...tally.refusals.keys()]);
  return [
    ...differs("events accepted", tally.accepted, "ids posted", expected.accepted),
    ...differs("events answered as duplicates", tally.duplicates, "ids posted again", expected.duplicates),
    ...[...codes].flatMap((code) =>
      differs(
        `events refused as ${code}`,
        tally.refusals.get(code) ?? 0,
        "mistakes of that kind",
        expected.refusals.get(code) ?? 0,
      ),
    ),
  ];
}

/**
 * Holds the gateway's books against its own answers and against AWS's books.
 *
 * @returns a sentence for each difference; none when all books agree
 */
export function compareBooks({ accounts, aws }: Books, acknowledged: Tally["acknowledged"]): string[] {
  const dimensions = new Set([...acknowledged.keys(), ...accounts.keys(), ...aws.quantities.keys()]);
  return [
    ...[...dimensions].toSorted().flatMap((dimension) => {
      const account = accounts.get(dimension) ?? emptyAccount;
      const sum = places.reduce((total, place) => total + account[place], 0n);
      const { accepted, delivered, parked } = account;
      const of = (what: string): string => `${dimension}: ${what}`;
      return [
        ...differs(of("accepted"), accepted, "acknowledged to producers", acknowledged.get(dimension) ?? 0n),
        ...differs(of("accepted"), accepted, "the sum of all places", sum),
        ...differs(of("delivered"), delivered, "held by AWS", aws.quantities.get(dimension) ?? 0n),
        ...(parked === 0n
          ? []
          : [`${of("parked")} is ${decimalOf(parked)}: AWS refused what it should have taken.`]),
      ];
    }),
    ...aws.misallocated.map((id) => `AWS's record ${id}: its allocations do not add up to its quantity.`),
  ];
}

const emptyAccount: Account = { accepted: 0n, delivered: 0n, pending: 0n, parked: 0n, open: 0n, carry: 0n };

function differs(
  what: string,
  actual: number | bigint,
  against: string,
  expected: number | bigint,
): string[] {
  if (actual === expected) return [];
  const text = (value: number | bigint): string =>
    typeof value === "bigint" ? decimalOf(value) : String(value);
  return [`${what} is ${text(actual)}, but ${against} is ${text(expected)}.`];
}
