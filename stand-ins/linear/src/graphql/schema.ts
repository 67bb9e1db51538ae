import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { buildSchema, type GraphQLSchema, isScalarType } from 'graphql';

/** Beside the source; a bundle elsewhere names the file in `LINEAR_SCHEMA` or by option. */
export function schemaPath(option?: string): string {
  return option ?? process.env['LINEAR_SCHEMA'] ?? fileURLToPath(new URL('../../schema/linear.graphql', import.meta.url));
}

/** Linear's schema, ready to execute. */
export function loadSchema(path: string): GraphQLSchema {
  const schema = buildSchema(readFileSync(path, 'utf8'), { assumeValidSDL: true, noLocation: true });
  const json = schema.getType('JSON');
  // Linear sends the scalar JSON as a string, which its SDK parses, and JSONObject embedded.
  if (isScalarType(json)) json.serialize = (value) => (typeof value === 'string' ? value : JSON.stringify(value));
  return schema;
}
