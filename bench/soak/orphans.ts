import type { Check } from './checks.ts';
import { until } from './killer.ts';
import { concerns, isSame, type ProcessRow, processTable, signal } from './processes.ts';
import type { Service } from './service.ts';
import type { World } from './world.ts';

/** How long a process that was told to end may take to be gone from the table. */
const goneWithinMs = 3_000;

/** After the service ended by SIGTERM: nothing that ever was below it lives, nothing is about its home, no database server of it. */
export async function checkProcesses(world: World, service: Service, data: string): Promise<Check> {
  let left: ProcessRow[] = [];
  await until(async () => {
    left = await remaining(world, service, data);
    return left.length === 0;
  }, goneWithinMs);
  const wrong = left.map((row) => `${row.pid} (parent ${row.parent}): ${row.command.slice(0, 200)}`);
  return { name: 'orphans', expected: '0', found: String(left.length), ok: left.length === 0, wrong };
}

async function remaining(world: World, service: Service, data: string): Promise<ProcessRow[]> {
  const ours = new Set([process.pid, ...world.programs.map((program) => program.pid)]);
  const left: ProcessRow[] = [];
  for (const row of await processTable()) {
    if (ours.has(row.pid)) continue;
    const wasBelow = service.seen.some((seen) => isSame(seen, row));
    if (wasBelow || (await concerns(row, world.directory)) || (await concerns(row, data))) left.push(row);
  }
  return left;
}

/** Ends whatever is still there, by process id: at the end of every soak, however it went. */
export async function endAll(world: World, service: Service | undefined, data: string | undefined): Promise<void> {
  await service?.end();
  await world.end();
  if (!service) return;
  for (const row of await remaining(world, service, data ?? world.directory)) {
    signal(row.pid, 'SIGCONT');
    signal(row.pid, 'SIGKILL');
  }
}
