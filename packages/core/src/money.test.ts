import { expect, test } from 'vitest';
import { formatUsd, roughUsd } from './money.ts';

test.each([
  [0, '$0.00'],
  [1, '< $0.0001'],
  [19_500, '$0.0195'],
  [72_000, '$0.072'],
  [100_000, '$0.10'],
  [600_000, '$0.60'],
  [999_999, '$1.00'],
  [1_200_000, '$1.20'],
  [12_345_678, '$12.35'],
  [-500_000, '$-0.50'],
])('%i micro-dollars are %s', (amount, text) => {
  expect(formatUsd(amount)).toBe(text);
});

test.each([
  [477_512, '$0.48'],
  [9_876, '$0.0099'],
  [1_234_567, '$1.23'],
])('about %i micro-dollars are %s', (amount, text) => {
  expect(roughUsd(amount)).toBe(text);
});
