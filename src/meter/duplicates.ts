import type { Line } from "./lines.ts";
import type { JsonNano } from "./quantity.ts";

/** What a producer sent of an event, beside its id and time; null where it sent nothing. */
export interface Sent {
  readonly dimension: string | null;
  readonly quantity: JsonNano | null;
  readonly tagSet: string | null;
  readonly voids: string | null;
}

/** A correction must not get lost as a duplicate, however late; other differences matter while they could be billed. */
export function differences(line: Line, sent: Sent, open: boolean): string[] {
  if ((line.voiding?.target ?? null) !== sent.voids) return ["voids"];
  if (sent.voids !== null || !open) return [];
  const differs: string[] = [];
  if (line.dimension !== sent.dimension) differs.push("dimension");
  if (line.quantity !== sent.quantity) differs.push("quantity");
  if (line.tagSet !== sent.tagSet) differs.push("tags");
  return differs;
}
