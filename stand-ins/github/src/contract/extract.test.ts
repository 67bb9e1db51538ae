import { expect, test } from 'vitest';
import { operations } from '../operations.ts';
import { extract } from './extract.ts';

test('a description that lacks a modelled operation is refused, by name', () => {
  expect(() => extract({ info: { version: '1' }, paths: {} })).toThrow(`GET ${operations[0]?.path}`);
});
