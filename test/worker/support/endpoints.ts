import { call, json } from "./gateway.ts";

/** The gateway's endpoints with every field of theirs, from its own description: one that is new is tested by itself. */

interface Schema {
  readonly $ref?: string;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly additionalProperties?: boolean | Schema;
}

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, { readonly schema: Schema }>> };
  readonly security?: readonly Readonly<Record<string, unknown>>[];
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
}

/** Where a field is in a body: names of objects, positions of arrays; empty for the body as a whole. */
export type FieldPath = readonly (string | number)[];

export interface Endpoint {
  readonly method: string;
  /** With its parameters in braces. */
  readonly path: string;
  readonly pathParameters: readonly string[];
  readonly queryParameters: readonly string[];
  readonly body: { readonly mediaType: string; readonly fields: readonly FieldPath[] } | null;
  /** What opens it; null for everybody. */
  readonly opensWith: "ingestKey" | "adminToken" | "eventsSecret" | null;
}

export const nameOf = ({ method, path }: Endpoint): string => `${method} ${path}`;

export async function describedEndpoints(): Promise<Endpoint[]> {
  const { paths, components } = await json<Description>(call("GET", "/openapi.json"));
  return Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, { parameters = [], requestBody, security }]): Endpoint => {
      const [content] = Object.entries(requestBody?.content ?? {});
      const named = (place: string) => parameters.filter((each) => each.in === place).map(({ name }) => name);
      return {
        method: method.toUpperCase(),
        path,
        pathParameters: named("path"),
        queryParameters: named("query"),
        body:
          content === undefined
            ? null
            : { mediaType: content[0], fields: distinct(fieldsOf(content[1].schema, components.schemas)) },
        opensWith: (Object.keys(security?.[0] ?? {})[0] ?? null) as Endpoint["opensWith"],
      };
    }),
  );
}

function fieldsOf(schema: Schema, named: Description["components"]["schemas"]): FieldPath[] {
  if (schema.$ref !== undefined) {
    const target = named[schema.$ref.replace("#/components/schemas/", "")];
    if (target === undefined) throw new Error(`the description has no ${schema.$ref}`);
    return fieldsOf(target, named);
  }
  const { anyOf = [], oneOf = [], allOf = [], properties = {}, items, additionalProperties } = schema;
  const below = (place: string | number, member: Schema): FieldPath[] =>
    fieldsOf(member, named).map((path) => [place, ...path]);
  return [
    [],
    ...[...anyOf, ...oneOf, ...allOf].flatMap((alternative) => fieldsOf(alternative, named)),
    ...Object.entries(properties).flatMap(([name, member]) => below(name, member)),
    ...(items === undefined ? [] : below(0, items)),
    ...(typeof additionalProperties === "object" ? below("any", additionalProperties) : []),
  ];
}

function distinct(paths: readonly FieldPath[]): FieldPath[] {
  return [...new Map(paths.map((path) => [JSON.stringify(path), path])).values()];
}

const PLACE = "@hostile@";

/** The JSON of a body in which `text` stands, as it is, where the field's value was; `text` need not be JSON. */
export function bodyWith(samples: readonly unknown[], field: FieldPath, text: string): string {
  const sample = samples.find((each) => has(each, field)) ?? samples.find((each) => fits(each, field));
  return JSON.stringify(put(sample, field, PLACE)).replace(`"${PLACE}"`, () => text);
}

function has(value: unknown, [place, ...rest]: FieldPath): boolean {
  if (place === undefined) return true;
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, place)) return false;
  return has((value as Record<string | number, unknown>)[place], rest);
}

const fits = (value: unknown, [place]: FieldPath): boolean =>
  Array.isArray(value) === (typeof place === "number");

function put(value: unknown, [place, ...rest]: FieldPath, what: string): unknown {
  if (place === undefined) return what;
  if (typeof place === "number") {
    const list = Array.isArray(value) ? (value as unknown[]) : [];
    return [put(list[0], rest, what), ...list.slice(1)];
  }
  const members = typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  return { ...members, [place]: put(members[place], rest, what) };
}
