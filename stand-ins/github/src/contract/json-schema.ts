export type Json = string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };

const component = /^#\/components\/schemas\/(.+)$/;

/** What only documents: it is left out, as it is most of the weight. */
const prose = new Set(['description', 'example', 'examples', 'title', 'externalDocs', 'deprecated', 'nullable', 'discriminator', 'xml']);

/**
 * Turns a schema of OpenAPI 3.0 into JSON Schema 2020-12: `nullable` becomes a type, references point into `$defs`, prose is left out.
 * `onReference` hears the name of every component referred to.
 */
export function toJsonSchema(schema: Json, onReference: (component: string) => void): Json {
  if (typeof schema !== 'object' || schema === null) return schema;
  if (isList(schema)) return schema.map((item) => toJsonSchema(item, onReference));
  const reference = schema['$ref'];
  if (typeof reference === 'string') {
    const name = component.exec(reference)?.[1];
    if (name === undefined) throw new Error(`a reference to something else than a component: ${reference}`);
    onReference(name);
    return { $ref: `#/$defs/${name}` };
  }
  const result: Record<string, Json> = {};
  for (const [key, value] of Object.entries(schema)) {
    if (prose.has(key) || key.startsWith('x-')) continue;
    if (key === 'enum' || key === 'required' || key === 'default' || key === 'const') result[key] = value;
    else if (key === 'properties' || key === 'patternProperties') result[key] = mapValues(value, onReference);
    else result[key] = toJsonSchema(value, onReference);
  }
  return schema['nullable'] === true ? nullable(result) : result;
}

const isList = (value: Json): value is readonly Json[] => Array.isArray(value);

/** Property names may be words of the schema language themselves. */
function mapValues(value: Json, onReference: (component: string) => void): Json {
  return Object.fromEntries(Object.entries(value ?? {}).map(([key, item]) => [key, toJsonSchema(item as Json, onReference)]));
}

function nullable(schema: Record<string, Json>): Json {
  const { type, enum: values } = schema;
  if (typeof type !== 'string') return Object.keys(schema).length === 0 ? {} : { anyOf: [schema, { type: 'null' }] };
  return { ...schema, type: [type, 'null'], ...(values !== undefined && isList(values) ? { enum: [...new Set([...values, null])] } : {}) };
}
