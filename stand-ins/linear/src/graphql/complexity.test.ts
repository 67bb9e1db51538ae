import { type OperationDefinitionNode, parse } from 'graphql';
import { expect, test } from 'vitest';
import { complexityOf } from './complexity.ts';

test.each([
  ['a property is 0.1, an object 1', '{ viewer { id name } }', {}, 1.2],
  ['a connection multiplies by 50', '{ issues { nodes { id } } }', {}, 55],
  ['or by first', '{ issues(first: 2) { nodes { id } } }', {}, 2.2],
  ['or by a variable', 'query($n: Int) { issues(first: $n) { nodes { id } } }', { n: 10 }, 11],
  ['an unset variable is 50', 'query($n: Int) { issues(first: $n) { nodes { id } } }', {}, 55],
  ['nested connections multiply', '{ issues(first: 10) { nodes { comments(first: 10) { nodes { id } } } } }', {}, 120],
])('%s', (_name, text, variables, points) => {
  const operation = parse(text).definitions[0] as OperationDefinitionNode;
  expect(complexityOf(operation.selectionSet, new Map(), variables)).toBeCloseTo(points, 6);
});
