import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSchema, type GraphQLSchema, isScalarType } from 'graphql';

/** Where the schema may lie: beside a bundle, or in this package. */
const places = ['./linear.graphql', '../../schema/linear.graphql'];

/** The option, else `LINEAR_SCHEMA`, else the file beside a bundle or in this package. */
export function schemaPath(option?: string): string {
  const named = option ?? process.env['LINEAR_SCHEMA'];
  if (named) return named;
  const files = places.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return files.find((file) => existsSync(file)) ?? files.join(' or ');
}

/** Linear's schema, ready to execute. */
export function loadSchema(path: string): GraphQLSchema {
  const schema = buildSchema(readFileSync(path, 'utf8'), { assumeValidSDL: true, noLocation: true });
  const json = schema.getType('JSON');
  // Linear sends the scalar JSON as a string, which its SDK parses, and JSONObject embedded.
  if (isScalarType(json)) json.serialize = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
  return schema;
}
