import { MINUTE } from "../meter/hours.ts";

/** Nothing is sent in a record's last minutes: AWS's clock may be ahead of ours, and a record that is too old sinks its batch. */
export const SEND_MARGIN = 2 * MINUTE;
