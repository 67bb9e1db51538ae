import { readFileSync } from 'node:fs';
import * as sdk from '@linear/sdk';
import { buildSchema, type DocumentNode, parse, validate, validateSchema } from 'graphql';
import { describe, expect, test } from 'vitest';
import { schemaPath } from '../src/graphql/schema.ts';
import { rebuildSchema } from '../src/schema/rebuild.ts';

const checkedIn = readFileSync(schemaPath(), 'utf8');

describe('the schema', () => {
  test('is what the installed SDK was generated from, byte for byte', () => {
    expect(checkedIn).toBe(rebuildSchema());
  });

  test('is a valid schema of the expected size', () => {
    const schema = buildSchema(checkedIn);
    expect(validateSchema(schema)).toEqual([]);
    expect(Object.keys(schema.getQueryType()?.getFields() ?? {}).length).toBeGreaterThan(150);
    expect(Object.keys(schema.getMutationType()?.getFields() ?? {}).length).toBeGreaterThan(350);
  });

  test('accepts every document of the installed SDK', () => {
    const schema = buildSchema(checkedIn);
    const documents = Object.entries(sdk.LinearDocument).filter(([name]) => name.endsWith('Document'));
    const problems = documents.flatMap(([name, document]) => {
      const node = typeof document === 'object' && 'kind' in document ? (document as unknown as DocumentNode) : parse(String(document));
      return validate(schema, node).map((error) => `${name}: ${error.message}`);
    });
    expect(documents.length).toBeGreaterThan(600);
    expect(problems).toEqual([]);
  });
});
