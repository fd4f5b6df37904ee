import { z } from "@hono/zod-openapi";
import { isText, NOT_TEXT } from "../text.ts";

/** Characters of any name that a customer can be called by. */
export const MAX_NAME_LENGTH = 2048;

/** The seller's own id for a customer. */
export const customerName = z.string().min(1).max(MAX_NAME_LENGTH).refine(isText, NOT_TEXT);
