import type { Answer } from "./exchange.ts";
import type { AnswerReader, NamedAnswer } from "./call.ts";
import { isErrorName } from "./classify.ts";

/** A JSON object of which nothing else is known. */
export type JsonObject = Readonly<Record<string, unknown>>;

export function isJsonObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function parseObject(body: string): JsonObject | null {
  try {
    const value: unknown = JSON.parse(body);
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

/** `com.amazonaws.marketplacemetering#ThrottlingException:http://…` is named `ThrottlingException`. */
function bareName(name: unknown): string | null {
  if (typeof name !== "string") return null;
  const bare =
    name
      .slice(name.lastIndexOf("#") + 1)
      .split(":")[0]
      ?.trim() ?? "";
  return bare === "" ? null : bare;
}

function errorText(body: JsonObject): string {
  const key = Object.keys(body).find((key) => key.toLowerCase() === "message");
  const text = key === undefined ? undefined : body[key];
  return typeof text === "string" ? text : "";
}

function errorName(answer: Answer, body: JsonObject | null): string | null {
  return (
    bareName(body?.["__type"]) ??
    bareName(answer.headers.get("x-amzn-errortype")) ??
    bareName(body?.["code"] ?? body?.["Code"])
  );
}

/**
 * Reads an answer in awsJson 1.1: an error is named by `__type` in the body, or by the header `x-amzn-errortype` alone;
 * its text is `message` or `Message`.
 */
export const readAwsJson: AnswerReader<JsonObject> = (answer): NamedAnswer<JsonObject> => {
  const body = parseObject(answer.body);
  const requestId = answer.headers.get("x-amzn-requestid") ?? answer.headers.get("x-amz-request-id");
  const code = errorName(answer, body);
  const isSuccess = answer.status >= 200 && answer.status < 300;
  if (code !== null && (!isSuccess || isErrorName(code))) {
    return { kind: "error", code, text: body === null ? "" : errorText(body), requestId };
  }
  if (body !== null && isSuccess) return { kind: "value", value: body, requestId };
  return { kind: "unreadable", requestId };
};
