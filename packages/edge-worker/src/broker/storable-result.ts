import { storable } from '../ingest/storable-json.ts';

/** What a provider answered, as Postgres takes it. */
export function storableResult(result: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return storable(result, JSON.stringify(result));
}
