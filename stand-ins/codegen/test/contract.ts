import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js';
import { operations } from '../src/operations.ts';
import type { Observed } from '../src/server.ts';
import { type Described, described, type Schema, schemas } from './pinned.ts';

/** A description of the service's calls, and what it has against an exchange. */
export interface Contract {
  readonly schemas: Readonly<Record<string, Schema>>;
  readonly described: Readonly<Record<string, Described>>;
}

/** What the package itself knows. */
export const pinned: Contract = { schemas, described };

/**
 * Where the description that the service published is: `CYRUS_CODEGEN_OPENAPI`, or `contracts/codegen-openapi.json` in a folder beside
 * the checkout. It is not part of the checkout; undefined where there is none.
 */
export function publishedFile(): string | undefined {
  const named = process.env['CYRUS_CODEGEN_OPENAPI'];
  if (named) return named;
  const beside = dirname(join(import.meta.dirname, '..', '..', '..'));
  return readdirSync(beside)
    .map((folder) => join(beside, folder, 'contracts', 'codegen-openapi.json'))
    .find((file) => existsSync(file));
}

/** What the published description says of the calls that are used, in the same form. */
export function readPublished(file: string): Contract {
  const whole = JSON.parse(readFileSync(file, 'utf8')) as OpenApi;
  const used = Object.fromEntries(Object.keys(schemas).map((name) => [name, bare(whole.components.schemas[name]) as Schema]));
  const calls = operations.map(({ name, method, path }) => {
    const call = whole.paths[path]?.[method.toLowerCase()];
    if (!call) throw new Error(`the published description has no ${method} ${path}`);
    const request = nameOf(call.requestBody?.content['application/json'].schema);
    const query = call.parameters.filter(({ in: where }) => where === 'query').map(({ name: one, schema }) => [one, bare(schema)]);
    const answers = Object.entries(call.responses).map(([status, { content }]) => [status, nameOf(content['application/json'].schema)]);
    const one: Described = {
      ...(request === null ? {} : { request }),
      answers: Object.fromEntries(answers) as Described['answers'],
      query: Object.fromEntries(query) as Described['query'],
    };
    return [name, one];
  });
  return { schemas: used, described: Object.fromEntries(calls) as Contract['described'] };
}

interface OpenApi {
  readonly components: { readonly schemas: Readonly<Record<string, unknown>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, OpenApiCall>>>>;
}
interface OpenApiCall {
  readonly parameters: readonly { readonly name: string; readonly in: string; readonly schema: unknown }[];
  readonly requestBody?: { readonly content: { readonly 'application/json': { readonly schema: unknown } } };
  readonly responses: Readonly<Record<string, { readonly content: { readonly 'application/json': { readonly schema: unknown } } }>>;
}

const nameOf = (schema: unknown): string | null =>
  ((schema as { readonly $ref?: string } | undefined)?.$ref ?? '').split('/').at(-1) || null;

/** Without titles, words and defaults. A property of one of these names stays: it is a schema, not a text. */
function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare);
  if (typeof value !== 'object' || value === null) return value;
  const dropped = (key: string, inner: unknown): boolean =>
    key === 'default' || ((key === 'title' || key === 'description') && typeof inner === 'string');
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key, inner]) => !dropped(key, inner))
      .map(([key, inner]) => [key, bare(inner)]),
  );
}

/** Judges exchanges. A request may hold nothing that is not described, so that a misspelt field is found. */
export function judge({ schemas: known, described: calls }: Contract): (observed: Observed) => readonly string[] {
  const ajv = new Ajv2020({ strict: false, allErrors: true });
  const compiled = new Map<string, ValidateFunction>();
  const problems = (where: string, schema: Schema, value: unknown): readonly string[] => {
    const key = JSON.stringify(schema);
    const validate = compiled.get(key) ?? ajv.compile({ ...schema, components: { schemas: known } });
    compiled.set(key, validate);
    return validate(value) ? [] : (validate.errors ?? []).map((error) => `${where} ${error.instancePath} ${error.message}`);
  };
  const named = (where: string, name: string, value: unknown, closed = false): readonly string[] =>
    problems(where, { ...known[name], ...(closed ? { additionalProperties: false } : {}) }, value);
  return ({ operation, query, request, status, body }) => {
    const call = calls[operation];
    if (!call) return [`${operation}: not described`];
    const found: string[] = [];
    if (status < 400) {
      for (const [name, value] of Object.entries(query)) {
        const schema = call.query[name];
        if (!schema) found.push(`${operation} ?${name}: not described`);
        else found.push(...problems(`${operation} ?${name}`, schema, parsed(value)));
      }
      if (call.request === undefined ? request !== undefined : request === undefined)
        found.push(`${operation}: a body, or none, against the description`);
      else if (call.request !== undefined) found.push(...named(`${operation} request`, call.request, request, true));
    }
    const name = call.answers[status];
    // Refusals that are not listed for a call still have the form that refusals have.
    if (name === undefined && status < 400) found.push(`${operation} ${status}: not described`);
    else if (name === undefined) found.push(...named(`${operation} ${status}`, 'PermissionsErrorResponse', body));
    else if (name !== null) found.push(...named(`${operation} ${status}`, name, body));
    return found;
  };
}

function parsed(value: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}
