import type { ErrorKind } from "../../src/marketplace/index.ts";
import type { OperationName, Setting, SigningKey } from "./callers.ts";
import type { World } from "./world.ts";

/** One call that both clients make, in a world of its own, and what it comes to for both. */
export interface Case {
  /** What is the case: "a dimension the product has not". */
  readonly name: string;
  readonly operation: OperationName;
  /** Makes the world what it has to be. */
  readonly given?: (world: World) => Promise<unknown>;
  /** A call that succeeds before the one in question. */
  readonly first?: (world: World) => unknown;
  /** Where that call is made from, when not from where the other is. */
  readonly firstSetting?: Omit<Setting, "endpoint">;
  readonly input: (world: World) => unknown;
  readonly setting?: Omit<Setting, "endpoint">;
  /** Who calls, when it is not the seller. */
  readonly as?: (world: World) => Promise<SigningKey>;
  /** What the answer has in it. */
  readonly value?: (world: World) => unknown;
  /** AWS's name of the error, and our client's kind. */
  readonly error?: { readonly code: string; readonly kind: ErrorKind };
  /** The quantities in the books afterwards, oldest first; not looked at when absent. */
  readonly booked?: readonly number[];
}
