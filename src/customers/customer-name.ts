import { z } from "@hono/zod-openapi";
import { isText, NOT_TEXT } from "../text.ts";

/** Characters of any name that a customer can be called by. */
export const MAX_NAME_LENGTH = 2048;

/**
 * AWS account ids and ARNs name customers by themselves: as an own id, one would take another customer's usage. So would
 * a CustomerIdentifier, which has no form of its own; see `isAwsNameOfAnother`.
 */
const isOwnId = (name: string): boolean => !/^(\d{12}$|arn:)/.test(name);

/** "acme " would be another customer than "acme", and nobody would see it. */
const isPlain = (name: string): boolean => name.trim() === name && !/\p{Cc}/u.test(name);

/** The seller's own id for a customer. */
export const ownId = z
  .string()
  .min(1)
  .max(MAX_NAME_LENGTH)
  .refine(isText, NOT_TEXT)
  .refine(isPlain, "must not begin or end with a blank, nor have a line break or another control character")
  .refine(
    isOwnId,
    "must be an id of your own: AWS account ids and ARNs name their customers anyway, without being set",
  );
