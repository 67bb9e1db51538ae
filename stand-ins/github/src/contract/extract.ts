import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { operations } from '../operations.ts';
import { type Json, toJsonSchema } from './json-schema.ts';

/**
 * Cuts what is modelled out of GitHub's published OpenAPI description: `node extract.ts PATH/TO/api.github.com.json`,
 * the file `generated/api.github.com.json` of the npm package `@octokit/openapi`, version 23.0.2.
 * Writes `contract/github.generated.json`: per operation and status the JSON Schema and the official examples, per webhook its schema,
 * and under `$defs` every component those refer to.
 */

export interface Contract {
  readonly source: string;
  /** `pulls.create` → `201` → its schema and examples. A status without a body has neither. */
  readonly operations: Readonly<Record<string, Readonly<Record<string, { readonly schema?: Json; readonly examples: readonly Json[] }>>>>;
  /** `pull_request.opened` or `push` → the schema of its payload. */
  readonly webhooks: Readonly<Record<string, Json>>;
  readonly $defs: Readonly<Record<string, Json>>;
}

type Node = Readonly<Record<string, Json | undefined>>;

const webhookKeys: Readonly<Record<string, string>> = {
  'pull_request.opened': 'pull-request-opened',
  'pull_request.synchronize': 'pull-request-synchronize',
  'pull_request.closed': 'pull-request-closed',
  'pull_request.reopened': 'pull-request-reopened',
  'pull_request.ready_for_review': 'pull-request-ready-for-review',
  'pull_request_review.submitted': 'pull-request-review-submitted',
  'issue_comment.created': 'issue-comment-created',
  'check_run.completed': 'check-run-completed',
  'check_suite.completed': 'check-suite-completed',
  'installation.deleted': 'installation-deleted',
  'installation.suspend': 'installation-suspend',
  'installation.unsuspend': 'installation-unsuspend',
  push: 'push',
};

const node = (value: Json | undefined): Node =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Node) : {};

/** Follows one `#/…` reference inside the document. */
function deref(api: Node, value: Json | undefined): Node {
  const reference = node(value)['$ref'];
  if (typeof reference !== 'string') return node(value);
  const found = reference
    .slice(2)
    .split('/')
    .reduce<Json | undefined>((at, part) => node(at)[part], api as Json);
  return deref(api, found);
}

/** The part of the OpenAPI document that the modelled operations need. @throws Error when one is missing there */
export function extract(api: Node): Contract {
  const needed = new Set<string>();
  const schemaOf = (value: Json): Json => toJsonSchema(value, (component) => needed.add(component));
  const responses = (method: string, path: string): Contract['operations'][string] => {
    const operation = node(node(node(api['paths'])[path])[method.toLowerCase()]);
    const given = Object.entries(node(operation['responses']));
    if (given.length === 0) throw new Error(`the description has no ${method} ${path}`);
    return Object.fromEntries(
      given.map(([status, response]) => {
        const content = node(node(deref(api, response)['content'])['application/json']);
        const examples = Object.values(node(content['examples'])).map((example) => deref(api, example)['value'] as Json);
        const schema = content['schema'];
        const isError = Number(status) >= 400;
        return [status, { ...(schema === undefined ? {} : { schema: schemaOf(schema) }), examples: isError ? [] : examples }];
      }),
    );
  };
  const payload = (key: string): Json => {
    const body = node(node(node(node(api['x-webhooks'])[key])['post'])['requestBody']);
    const schema = node(node(body['content'])['application/json'])['schema'];
    if (schema === undefined) throw new Error(`the description has no webhook ${key}`);
    return schemaOf(schema);
  };
  const contract = {
    source: `GitHub REST API description ${String(node(api['info'])['version'])}, @octokit/openapi 23.0.2, MIT`,
    operations: Object.fromEntries(operations.map(({ name, method, path }) => [name, responses(method, path)])),
    webhooks: Object.fromEntries(Object.entries(webhookKeys).map(([name, key]) => [name, payload(key)])),
  };
  const schemas = node(node(api['components'])['schemas']);
  const $defs: Record<string, Json> = {};
  for (const component of needed) {
    const schema = schemas[component];
    if (schema === undefined) throw new Error(`the description has no component ${component}`);
    $defs[component] = schemaOf(schema);
  }
  return { ...contract, $defs: Object.fromEntries(Object.entries($defs).sort(([a], [b]) => a.localeCompare(b))) };
}

if (import.meta.main) {
  const [path] = process.argv.slice(2);
  if (path === undefined) throw new Error('usage: extract.ts PATH/TO/api.github.com.json');
  const contract = extract(JSON.parse(await readFile(path, 'utf8')) as Node);
  const target = join(import.meta.dirname, '..', '..', 'contract', 'github.generated.json');
  await writeFile(target, `${JSON.stringify(contract)}\n`);
  process.stdout.write(
    `${target}: ${Object.keys(contract.operations).length} operations, ${Object.keys(contract.$defs).length} components\n`,
  );
}
