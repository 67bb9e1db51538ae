import { existsSync } from 'node:fs';
import type { Clock } from 'cyrus-core/clock';
import { probe } from './probe.ts';
import { createSeatbelt } from './seatbelt.ts';

const program = '/usr/bin/sandbox-exec';

/** Where seatbelt is and works; else why not. */
export async function detectSeatbelt(clock: Clock): Promise<{ readonly sandboxExecPath: string } | string> {
  if (!existsSync(program)) return `${program} is not there`;
  const complaint = await probe(clock, createSeatbelt({ clock, sandboxExecPath: program }));
  return complaint === undefined ? { sandboxExecPath: program } : complaint;
}
