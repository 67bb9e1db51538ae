import { expect, test } from 'vitest';
import { toJsonSchema } from './json-schema.ts';

const convert = (schema: Parameters<typeof toJsonSchema>[0]) => {
  const references: string[] = [];
  return { schema: toJsonSchema(schema, (name) => references.push(name)), references };
};

test.each([
  ['a nullable type', { type: 'string', nullable: true }, { type: ['string', 'null'] }],
  ['a nullable enum', { type: 'string', nullable: true, enum: ['a'] }, { type: ['string', 'null'], enum: ['a', null] }],
  ['a nullable choice', { nullable: true, anyOf: [{ type: 'string' }] }, { anyOf: [{ anyOf: [{ type: 'string' }] }, { type: 'null' }] }],
  ['anything, or null', { nullable: true }, {}],
  ['prose', { type: 'string', description: 'x', example: { type: 'y' }, 'x-github': 1 }, { type: 'string' }],
  [
    'properties that bear the names of keywords',
    { type: 'object', required: ['title'], properties: { title: { type: 'string', title: 'T' }, nullable: { type: 'boolean' } } },
    { type: 'object', required: ['title'], properties: { title: { type: 'string' }, nullable: { type: 'boolean' } } },
  ],
])('%s', (_name, given, expected) => expect(convert(given).schema).toEqual(expected));

test('references point into $defs and are told', () => {
  expect(convert({ type: 'array', items: { $ref: '#/components/schemas/simple-user' } })).toEqual({
    schema: { type: 'array', items: { $ref: '#/$defs/simple-user' } },
    references: ['simple-user'],
  });
  expect(() => convert({ $ref: '#/components/responses/gone' })).toThrow('something else than a component');
});
