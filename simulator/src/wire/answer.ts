import { jsonForm, queryForm, type AwsError } from "./errors.ts";

/** What goes back over HTTP, or does not. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** How long it is held back. */
  readonly delayMilliseconds: number;
  /** The connection breaks instead. */
  readonly dropped: boolean;
}

const answer = (status: number, headers: Record<string, string>, body: string): Answer => ({
  status,
  headers,
  body,
  delayMilliseconds: 0,
  dropped: false,
});

const jsonType = { "content-type": "application/x-amz-json-1.1" };

export const jsonAnswer = (value: unknown, requestId: string): Answer =>
  answer(200, { ...jsonType, "x-amzn-requestid": requestId }, JSON.stringify(value));

/** Where the name of an error stands: clients must read all of these. */
export type ErrorStyle = "plain" | "namespaced" | "header-only";

/** An error of the JSON protocol: its name in the body, and in a header for clients that look there. */
export function jsonErrorAnswer(error: AwsError, requestId: string, style: ErrorStyle = "plain"): Answer {
  const { code, status } = jsonForm(error);
  const type = style === "namespaced" ? `com.amazonaws.marketplacemetering#${code}` : code;
  const headers = {
    ...jsonType,
    "x-amzn-requestid": requestId,
    "x-amzn-errortype": style === "header-only" ? `${code}:http://internal.amazon.com/coral/` : type,
  };
  const body = { ...(style !== "header-only" && { __type: type }), message: error.message };
  return answer(status, headers, JSON.stringify(body));
}

const xmlType = { "content-type": "text/xml" };
const stsNamespace = "https://sts.amazonaws.com/doc/2011-06-15/";

/** Nested elements by name; a string is text. */
export interface Elements {
  readonly [name: string]: string | Elements;
}

export function xmlAnswer(
  operation: string,
  result: Elements,
  requestId: string,
  namespace = stsNamespace,
): Answer {
  const content = { [`${operation}Result`]: result, ResponseMetadata: { RequestId: requestId } };
  const body = `<${operation}Response xmlns="${namespace}">${xml(content)}</${operation}Response>`;
  return answer(200, { ...xmlType, "x-amzn-requestid": requestId }, body);
}

export function xmlErrorAnswer(error: AwsError, requestId: string, namespace = stsNamespace): Answer {
  const { code, status } = queryForm(error);
  const content = {
    Error: { Type: status < 500 ? "Sender" : "Receiver", Code: code, Message: error.message },
    RequestId: requestId,
  };
  const body = `<ErrorResponse xmlns="${namespace}">${xml(content)}</ErrorResponse>`;
  return answer(status, { ...xmlType, "x-amzn-requestid": requestId }, body);
}

const xml = (elements: Elements): string =>
  Object.entries(elements)
    .map(([name, value]) => `<${name}>${typeof value === "string" ? escape(value) : xml(value)}</${name}>`)
    .join("");

const escape = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");

/** What a load balancer in front of AWS says, and no service does. */
export const htmlAnswer = (): Answer =>
  answer(
    503,
    { "content-type": "text/html" },
    "<html><head><title>503 Service Temporarily Unavailable</title></head><body><center><h1>503 Service Temporarily Unavailable</h1></center></body></html>",
  );
