import { control, type Answer } from "./client.ts";

/** What a test says of the notices that the simulated AWS sends. */

/** The text fields of an SNS message. */
export type Message = Record<string, string>;

export interface Told<Notice> {
  readonly notice: Notice;
  readonly headers: Readonly<Record<string, string>>;
  readonly delivery: { readonly status: number | null; readonly error?: string } | null;
}

/** Orders a notice of an agreement. */
export const tell = <Notice = Record<string, unknown>>(
  agreementId: string,
  body: object,
): Promise<Answer<Told<Notice>>> => control("POST", `/agreements/${agreementId}/notices`, body);
