import pg from 'pg';

const { builtins } = pg.types;
const TEXT_ARRAY = 1009;
const INT8_ARRAY = 1016;
const TIMESTAMPTZ_ARRAY = 1185;
const NUMERIC_ARRAY = 1231;

/**
 * How values come back: `int8` and `numeric` as numbers, `timestamptz` as epoch milliseconds (rounded down), arrays of
 * them likewise, the rest as `pg` does.
 * @throws RangeError for an integer beyond 2^53
 */
export const valueTypes: pg.CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') => {
    if (format === 'binary') return pg.types.getTypeParser(oid, 'binary');
    const own = parsers.get(oid);
    return own ?? pg.types.getTypeParser(oid, 'text');
  }) as pg.CustomTypesConfig['getTypeParser'],
};

const parsers: ReadonlyMap<number, (text: string) => unknown> = new Map<number, (text: string) => unknown>([
  [builtins.INT8, parseInteger],
  [builtins.NUMERIC, parseNumeric],
  [builtins.TIMESTAMPTZ, parseInstant],
  [INT8_ARRAY, arrayOf(parseInteger)],
  [NUMERIC_ARRAY, arrayOf(parseNumeric)],
  [TIMESTAMPTZ_ARRAY, arrayOf(parseInstant)],
]);

function parseInteger(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new RangeError(`the integer ${text} is too large for a number`);
  return value;
}

function parseNumeric(text: string): number {
  return /^-?\d+$/.test(text) ? parseInteger(text) : Number(text);
}

const instantShape = /^(\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d+))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?( BC)?$/;

/** Epoch milliseconds of Postgres's ISO output, whatever the session's time zone is. */
export function parseInstant(text: string): number {
  if (text === 'infinity') return Number.POSITIVE_INFINITY;
  if (text === '-infinity') return Number.NEGATIVE_INFINITY;
  const match = instantShape.exec(text);
  if (!match || match[12]) throw new RangeError(`not a time this program can hold: ${text}`);
  const part = (index: number): number => Number(match[index] ?? 0);
  const millis = Number((match[7] ?? '').padEnd(3, '0').slice(0, 3));
  const offset = (part(9) * 3600 + part(10) * 60 + part(11)) * 1000 * (match[8] === '-' ? -1 : 1);
  return Date.UTC(part(1), part(2) - 1, part(3), part(4), part(5), part(6), millis) - offset;
}

/** A query parameter for a `timestamptz`; exact to the millisecond. */
export function toTimestamp(instant: number): string {
  if (instant === Number.POSITIVE_INFINITY) return 'infinity';
  if (instant === Number.NEGATIVE_INFINITY) return '-infinity';
  return new Date(instant).toISOString();
}

/** Parses the elements of an array. */
function arrayOf(parse: (text: string) => unknown): (text: string) => unknown {
  const split = pg.types.getTypeParser(TEXT_ARRAY as unknown as typeof builtins.TEXT, 'text') as (text: string) => unknown;
  const map = (value: unknown): unknown => (Array.isArray(value) ? value.map(map) : value === null ? null : parse(String(value)));
  return (text) => map(split(text));
}
