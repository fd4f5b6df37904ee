import { styleText } from "node:util";
import { places, type Account, type Books } from "./books.ts";
import { decimalOf, type Nano } from "./decimal.ts";
import type { Tally } from "./producers.ts";

interface Row {
  readonly label: string;
  readonly of: (dimension: string) => Nano;
  readonly strong?: boolean;
  /** Draws a line above it. */
  readonly ruled?: boolean;
}

const meanings: Record<(typeof places)[number], string> = {
  delivered: "= delivered to AWS",
  pending: "+ pending: sealed, on its way",
  parked: "+ parked: needs a person",
  open: "+ open: hours not sealed yet",
  carry: "+ carry: fractions for the next hour",
};

const LABEL_WIDTH = 38;

/** The books of the gateway, its producers and AWS, beside each other: one column a dimension, and their total. */
export function closingTable({ accounts, aws }: Books, acknowledged: Tally["acknowledged"]): string {
  const dimensions = [...accounts.keys()].toSorted();
  const inBooks = (place: keyof Account) => (dimension: string) => accounts.get(dimension)?.[place] ?? 0n;
  const rows: Row[] = [
    { label: "Acknowledged to the producers", of: (dimension) => acknowledged.get(dimension) ?? 0n },
    { label: "Accepted", of: inBooks("accepted"), strong: true, ruled: true },
    ...places.map((place): Row => ({ label: `  ${meanings[place]}`, of: inBooks(place) })),
    {
      label: "Held by AWS (the simulator)",
      of: (dimension) => aws.quantities.get(dimension) ?? 0n,
      ruled: true,
    },
  ];
  const columns = [
    ...dimensions.map((dimension) => aligned(dimension, rows, [dimension])),
    aligned("total", rows, dimensions),
  ];
  const rule = styleText(
    "dim",
    "─".repeat(LABEL_WIDTH + columns.reduce((sum, [head = ""]) => sum + head.length, 0)),
  );
  const line = (label: string, index: number): string =>
    `${label.padEnd(LABEL_WIDTH)}${columns.map((column) => column[index]).join("")}`;
  return [
    styleText("bold", line("", 0)),
    ...rows.flatMap(({ label, strong = false, ruled = false }, index) => [
      ...(ruled ? [rule] : []),
      strong ? styleText("bold", line(label, index + 1)) : line(label, index + 1),
    ]),
  ].join("\n");
}

/** A column with its decimal points below each other, its head first. */
function aligned(head: string, rows: readonly Row[], dimensions: readonly string[]): string[] {
  const cells = rows.map(({ of }) =>
    decimalOf(dimensions.reduce((sum, name) => sum + of(name), 0n)).split("."),
  );
  const fraction = Math.max(...cells.map(([, digits = ""]) => digits.length));
  const texts = cells.map(([whole = "", digits]) => {
    const grouped = whole.replace(/\B(?=(\d{3})+$)/g, " ");
    return grouped + (digits === undefined ? "" : `.${digits}`).padEnd(fraction === 0 ? 0 : fraction + 1);
  });
  const width = Math.max(head.length, ...texts.map(({ length }) => length)) + 3;
  return [head, ...texts].map((text) => text.padStart(width));
}
