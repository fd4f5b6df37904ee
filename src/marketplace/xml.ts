import type { NamedAnswer } from "./call.ts";
import type { Answer } from "./exchange.ts";

const entities: ReadonlyMap<string, string> = new Map([
  ["amp", "&"],
  ["lt", "<"],
  ["gt", ">"],
  ["quot", '"'],
  ["apos", "'"],
]);

function decode(text: string): string {
  return text.replace(
    /&(?:#(\d+)|#x([0-9a-fA-F]+)|(\w+));/g,
    (whole, decimal?: string, hex?: string, name?: string) => {
      if (name !== undefined) return entities.get(name) ?? whole;
      const point = decimal === undefined ? Number.parseInt(hex ?? "", 16) : Number(decimal);
      return point <= 0x10_ff_ff ? String.fromCodePoint(point) : whole;
    },
  );
}

/**
 * The text of the first element of a name. Enough for the flat answers of AWS's query protocol, which repeat no name
 * that is read here and use neither prefixes nor CDATA.
 */
export function elementText(xml: string, name: string): string | undefined {
  const found = new RegExp(`<${name}>([^<]*)</${name}>`).exec(xml)?.[1];
  return found === undefined ? undefined : decode(found).trim();
}

/**
 * Reads an answer of AWS's query protocol: `<ErrorResponse>` with a code, or else a document that the operation knows.
 */
export function readQueryXml(answer: Answer): NamedAnswer<string> {
  const { body, status, headers } = answer;
  const requestId = elementText(body, "RequestId") ?? headers.get("x-amzn-requestid");
  if (/<ErrorResponse[\s>]/.test(body)) {
    const code = elementText(body, "Code") ?? "";
    const text = elementText(body, "Message") ?? "";
    return code === "" ? { kind: "unreadable", requestId } : { kind: "error", code, text, requestId };
  }
  if (status < 200 || status > 299) return { kind: "unreadable", requestId };
  return { kind: "value", value: body, requestId };
}
