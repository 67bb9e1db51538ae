import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { configJsonSchema, configJsonSchemaText } from './json-schema.ts';

test('the published schema is the one the program checks with (write it anew with config/publish.ts)', () => {
  const published: unknown = JSON.parse(readFileSync(new URL('../../../../docs/config.schema.json', import.meta.url), 'utf8'));
  expect(published).toEqual(JSON.parse(configJsonSchemaText()));
});

test('unknown keys are allowed everywhere, required keys are named', () => {
  const text = configJsonSchemaText();
  expect(text).not.toContain('"additionalProperties": false');
  expect(configJsonSchema().properties?.['repositories']?.items?.required).toEqual(['id']);
});
