import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { findAgentBinary } from 'cyrus-claude-runner/agent-binary';
import { platformPackage } from 'cyrus-store/server/binaries';
import { runToEnd } from '../../e2e/support/program.ts';

/** Where the numbers were taken. */
export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryMb: number;
  readonly kernel: string;
  /** Over the last minute, when the run began: above the number of cores others were at work too. */
  readonly load: number;
}

/** What they were taken with. */
export interface Versions {
  readonly node: string;
  readonly postgres: string;
  readonly git: string;
  readonly agent: string;
}

export function describeMachine(): Machine {
  const [cpu, ...others] = cpus();
  return {
    cores: others.length + 1,
    cpu: cpu?.model.trim() ?? 'unknown',
    memoryMb: Math.round(totalmem() / 1024 / 1024),
    kernel: release(),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

export async function readVersions(): Promise<Versions> {
  const agent = await findAgentBinary({ searchPath: process.env['PATH'] ?? '' });
  const packaged = platformPackage();
  const postgres = packaged === undefined ? 'postgres' : join(packaged, 'native', 'bin', 'postgres');
  return {
    node: process.version.slice(1),
    postgres: await versionOf(postgres),
    git: await versionOf('git'),
    agent: agent.ok ? await versionOf(agent.value) : 'none',
  };
}

async function versionOf(command: string): Promise<string> {
  const { stdout } = await runToEnd(command, ['--version']).catch(() => ({ stdout: '' }));
  return /\d+(\.\d+)+/.exec(stdout)?.[0] ?? 'unknown';
}
