import { FailureError } from 'cyrus-core/failure';
import type { DumpedSchema } from 'cyrus-store/backup/dump';

/** What a backup says of itself: its first entry. */
export interface Manifest {
  readonly format: number;
  /** The version of Cyrus that made it. */
  readonly cyrus: string;
  readonly createdAt: string;
  readonly schema: DumpedSchema;
  /** Secrets of the configuration that are not in it. */
  readonly left: readonly string[];
}

export const manifestName = 'manifest.json';
/** Raised when an older Cyrus could not read it. */
export const format = 1;

const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
const isText = (value: unknown): value is string => typeof value === 'string';
const isListOf = (value: unknown, isOne: (item: unknown) => boolean): boolean => Array.isArray(value) && value.every(isOne);

function isManifest(value: unknown): value is Manifest {
  if (!isObject(value) || !isObject(value['schema'])) return false;
  const { migrations, server, tables } = value['schema'];
  return (
    typeof value['format'] === 'number' &&
    isText(value['cyrus']) &&
    isText(value['createdAt']) &&
    isListOf(value['left'], isText) &&
    isText(server) &&
    isListOf(tables, (table) => isObject(table) && isText(table['name']) && isListOf(table['columns'], isText)) &&
    isListOf(
      migrations,
      (each) => isObject(each) && typeof each['version'] === 'number' && isText(each['name']) && isText(each['checksum']),
    )
  );
}

/** @throws FailureError when it is of another program, or a newer one */
export function parseManifest(text: string, file: string): Manifest {
  const raw = parse(text);
  const told = typeof raw === 'object' && raw !== null && 'format' in raw ? raw.format : undefined;
  if (typeof told === 'number' && told > format)
    throw new FailureError({ class: 'invalid_request', message: `${file} was made by a newer Cyrus.`, fix: 'Update this one.' });
  if (!isManifest(raw)) throw new FailureError({ class: 'invalid_request', message: `${file} is no backup of Cyrus.` });
  return raw;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
