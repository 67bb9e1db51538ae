import { readFileSync } from 'node:fs';
import * as documents from 'cyrus-linear/documents';
import { buildSchema, type GraphQLSchema, Kind, type OperationDefinitionNode, parse, type SelectionSetNode, validate } from 'graphql';
import { expect, test } from 'vitest';

const sdl = readFileSync(new URL('../../../stand-ins/linear/schema/linear.graphql', import.meta.url), 'utf8');
const schema: GraphQLSchema = buildSchema(sdl, { assumeValidSDL: true, noLocation: true });

/** 0.1 a property, 1 an object, a connection times its `first`. https://linear.app/developers/rate-limiting */
function points(selection: SelectionSetNode | undefined): number {
  let sum = 0;
  for (const field of selection?.selections ?? []) {
    if (field.kind !== Kind.FIELD) throw new Error('only plain fields are used');
    if (!field.selectionSet) sum += 0.1;
    else if (field.selectionSet.selections.some((inner) => inner.kind === Kind.FIELD && inner.name.value === 'nodes')) {
      const first = field.arguments?.find(({ name }) => name.value === 'first')?.value;
      if (first?.kind !== Kind.INT) throw new Error(`${field.name.value} has no "first": it would cost 50 times its content`);
      sum += Number(first.value) * points(field.selectionSet);
    } else sum += 1 + points(field.selectionSet);
  }
  return sum;
}

test.each(Object.entries(documents))('%s fits the schema and is cheap', (name, text) => {
  const document = parse(text);
  expect(validate(schema, document).map(({ message }) => message)).toEqual([]);
  const operation = document.definitions[0] as OperationDefinitionNode;
  expect(document.definitions).toHaveLength(1);
  expect(operation.name?.value.toLowerCase()).toBe(name.toLowerCase());
  const cost = points(operation.selectionSet);
  expect(cost).toBeGreaterThan(0);
  expect(cost).toBeLessThanOrEqual(name === 'readIssue' ? 300 : name === 'findSession' ? 30 : 5);
});
