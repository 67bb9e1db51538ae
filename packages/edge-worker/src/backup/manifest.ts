import { FailureError } from 'cyrus-core/failure';
import type { DumpedSchema } from 'cyrus-store/backup/dump';
import { z } from 'zod';

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

const shape: z.ZodType<Manifest> = z.object({
  format: z.number(),
  cyrus: z.string(),
  createdAt: z.string(),
  schema: z.object({
    migrations: z.array(z.object({ version: z.number(), name: z.string(), checksum: z.string() })),
    server: z.string(),
    tables: z.array(z.object({ name: z.string(), columns: z.array(z.string()) })),
  }),
  left: z.array(z.string()),
});

/** @throws FailureError when it is of another program, or a newer one */
export function parseManifest(text: string, file: string): Manifest {
  const raw = parse(text);
  const parsed = shape.safeParse(raw);
  const told = typeof raw === 'object' && raw !== null && 'format' in raw ? raw.format : undefined;
  if (typeof told === 'number' && told > format)
    throw new FailureError({ class: 'invalid_request', message: `${file} was made by a newer Cyrus.`, fix: 'Update this one.' });
  if (!parsed.success) throw new FailureError({ class: 'invalid_request', message: `${file} is no backup of Cyrus.` });
  return parsed.data;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
