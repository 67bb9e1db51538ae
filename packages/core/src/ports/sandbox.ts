import type { ChildProcess } from 'node:child_process';

/** What holds an agent in: a fact of the host, shown everywhere. */
export type Isolation = 'bwrap' | 'seatbelt' | 'container' | 'none';

/** One command to run apart from the host. Paths are the host's and keep their name inside. */
export interface SandboxSpec {
  /** Names the run in every process of its tree (environment `CYRUS_RUN`), so that leftovers can be found. */
  readonly runId: string;
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  /** The whole environment: nothing of the host's is inherited. */
  readonly env: Readonly<Record<string, string>>;
  readonly writable: readonly string[];
  readonly readable: readonly string[];
  readonly network: 'open' | 'none';
}

export interface SandboxedProcess {
  /** stdin, stdout and stderr are pipes. */
  readonly child: ChildProcess;
  /** Resolves once the command has ended; never rejects. `code` is null when it was killed or did not start. */
  readonly exited: Promise<{ readonly code: number | null; readonly signal: string | null; readonly spawnError?: Error }>;
  /** Kills the whole tree (SIGKILL) and resolves when none of it is left. */
  kill(): Promise<void>;
}

/** Runs commands apart from the host. A process dies with the process that spawned it. */
export interface Sandbox {
  readonly isolation: Isolation;
  spawn(spec: SandboxSpec): SandboxedProcess;
  /** Ends every process whose `CYRUS_RUN` starts with `runIdPrefix`, left by an earlier service. Resolves with how many there were. */
  killLeftovers(runIdPrefix: string): Promise<number>;
}
