import { notModelled } from '../errors.ts';

type Comparison = (value: unknown, expected: never) => boolean;

const text = (value: unknown): string => String(value ?? '');
const lower = (value: unknown): string => text(value).toLowerCase();
const date = /^\d{4}-\d{2}-\d{2}/;
const duration = /^-?P/;
/** Negative when `value` comes before `expected`: numbers, dates, else text. */
function order(value: unknown, expected: unknown): number {
  if (typeof value === 'number') return value - Number(expected);
  if (duration.test(text(expected))) throw notModelled('durations in filters');
  if (date.test(text(value)) && date.test(text(expected))) return Date.parse(text(value)) - Date.parse(text(expected));
  return text(value).localeCompare(text(expected));
}

const comparisons: Readonly<Record<string, Comparison>> = {
  eq: (value, expected) => value === expected,
  neq: (value, expected) => value !== expected,
  in: (value, expected: readonly unknown[]) => expected.includes(value),
  nin: (value, expected: readonly unknown[]) => !expected.includes(value),
  null: (value, expected: boolean) => (value === null || value === undefined) === expected,
  lt: (value, expected) => order(value, expected) < 0,
  lte: (value, expected) => order(value, expected) <= 0,
  gt: (value, expected) => order(value, expected) > 0,
  gte: (value, expected) => order(value, expected) >= 0,
  contains: (value, expected) => text(value).includes(expected),
  notContains: (value, expected) => !text(value).includes(expected),
  containsIgnoreCase: (value, expected) => lower(value).includes(lower(expected)),
  notContainsIgnoreCase: (value, expected) => !lower(value).includes(lower(expected)),
  eqIgnoreCase: (value, expected) => lower(value) === lower(expected),
  neqIgnoreCase: (value, expected) => lower(value) !== lower(expected),
  startsWith: (value, expected) => text(value).startsWith(expected),
  startsWithIgnoreCase: (value, expected) => lower(value).startsWith(lower(expected)),
  endsWith: (value, expected) => text(value).endsWith(expected),
};

/** One value against a `*Comparator` input. @throws GraphQLError `NOT_MODELLED` for a comparison not imitated */
export function compare(value: unknown, comparator: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(comparator).every(([name, expected]) => {
    if (expected === undefined) return true;
    const comparison = comparisons[name];
    if (!comparison) throw notModelled(`the comparison ${name}`);
    return comparison(value, expected as never);
  });
}
