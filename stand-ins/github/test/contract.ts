import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ValidateFunction } from 'ajv/dist/2020.js';
import { Ajv2020 } from 'ajv/dist/2020.js';
import type { Contract } from '../src/contract/extract.ts';
import type { Json } from '../src/contract/json-schema.ts';
import type { Observed } from '../src/server.ts';

export const contract: Contract = JSON.parse(
  readFileSync(join(import.meta.dirname, '..', 'contract', 'github.generated.json'), 'utf8'),
) as Contract;

const ajv = new Ajv2020({ strict: false, validateFormats: false, allErrors: true });
const compiled = new Map<string, ValidateFunction>();

function problemsOf(name: string, schema: Json, value: unknown): readonly string[] {
  let validate = compiled.get(name);
  if (!validate) {
    validate = ajv.compile({ ...(schema as object), $defs: contract.$defs });
    compiled.set(name, validate);
  }
  return validate(value) ? [] : (validate.errors ?? []).map((error) => `${name} ${error.instancePath} ${error.message}`);
}

/** What the published description has against an answer. Refusals it does not list for a call are held to its general form of an error. */
export function checkAnswer(operation: string, status: number, body: unknown): readonly string[] {
  const known = contract.operations[operation]?.[String(status)];
  if (!known && status < 400) return [`${operation} ${status}: not described`];
  const schema = known?.schema ?? (status >= 400 ? contract.$defs['basic-error'] : undefined);
  if (schema === undefined) return body === undefined ? [] : [`${operation} ${status}: a body where none is described`];
  return problemsOf(`${operation} ${status}`, schema, body);
}

export function checkWebhook(event: string, payload: Record<string, unknown>): readonly string[] {
  const name = typeof payload['action'] === 'string' ? `${event}.${payload['action']}` : event;
  const schema = contract.webhooks[name];
  return schema === undefined ? [`webhook ${name}: not described`] : problemsOf(`webhook ${name}`, schema, payload);
}

export interface Checker {
  readonly observe: (observed: Observed) => void;
  readonly problems: string[];
  /** Every `pulls.create 201` and `webhook push` that was checked. */
  readonly seen: Set<string>;
}

/** Collects what is wrong with everything one stand-in says. */
export function contractChecker(): Checker {
  const problems: string[] = [];
  const seen = new Set<string>();
  return {
    problems,
    seen,
    observe(observed) {
      if (observed.kind === 'answer') {
        seen.add(`${observed.operation} ${observed.status}`);
        // Through JSON, as on the wire.
        const body = observed.body === undefined ? undefined : JSON.parse(JSON.stringify(observed.body));
        problems.push(...checkAnswer(observed.operation, observed.status, body));
      } else {
        seen.add(`webhook ${observed.event}`);
        problems.push(...checkWebhook(observed.event, JSON.parse(JSON.stringify(observed.payload)) as Record<string, unknown>));
      }
    },
  };
}
