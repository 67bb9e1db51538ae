import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import type { Database } from 'cyrus-store/pool';
import { createRedact } from '../../src/supervisor/redact.ts';
import { createSupervisor, type Supervisor, type SupervisorOptions } from '../../src/supervisor/supervisor.ts';

/** Collects what is logged, as `level message {fields}`. */
export function memoryLog(): { readonly lines: string[]; readonly log: SupervisorOptions['log'] } {
  const lines: string[] = [];
  const level = (name: string) => (fields: object, message: string) => void lines.push(`${name} ${message} ${JSON.stringify(fields)}`);
  return { lines, log: { debug: level('debug'), info: level('info'), warn: level('warn'), error: level('error') } };
}

export const unique = (): string => randomBytes(6).toString('hex');

export async function temporary(): Promise<{ readonly path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'cyrus-edge-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

/** A supervisor with everything a test does not care about filled in. */
export function supervisorFor(
  db: Database,
  home: string,
  options: Partial<SupervisorOptions> & Pick<SupervisorOptions, 'runners'>,
): Supervisor {
  return createSupervisor({
    db,
    clock: systemClock,
    host: { id: 'host', bootId: unique(), pid: process.pid, isolation: 'none', slots: 2, memoryMb: 1024, version: 'test' },
    log: memoryLog().log,
    redact: createRedact([]),
    sandbox: { killLeftovers: async () => 0 },
    runPrefix: `test-${unique()}-`,
    spoolDirectory: join(home, 'logs', 'attempts'),
    ...options,
  });
}
