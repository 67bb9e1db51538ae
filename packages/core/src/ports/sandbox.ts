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
  readonly network: SandboxNetwork;
}

/** `open`: the host's own. `none`: not even the host's loopback. Else a closed network that `openNetwork` of the same sandbox made. */
export type SandboxNetwork = 'open' | 'none' | ClosedNetwork;

/** A way out of a closed network: a port on 127.0.0.1 inside, answered by what listens on a unix socket of the host. */
export interface NetworkDoor {
  /** An absolute path. It may begin to exist later than the network: connections fail until then. */
  readonly socket: string;
  /** Absent: any that the commands inside will hardly want for themselves. */
  readonly port?: number;
}

/**
 * A network for commands that belong together, one after the other or at once: they reach each other on 127.0.0.1, and its doors;
 * nothing else, no name service either.
 */
export interface ClosedNetwork {
  /** Where the doors are, in their order. */
  readonly ports: readonly number[];
  /** Resolves once the doors can be used; commands may be started before. Rejects when that will not come to pass. */
  readonly ready: Promise<void>;
  /** Whether a command inside listens on this port. */
  listens(port: number): Promise<boolean>;
  /** Ends the network; commands that still run in it have none then. */
  close(): Promise<void>;
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
  /**
   * Makes a closed network. Absent: this isolation cannot close the network, and its commands have `open` or `none`.
   * @throws Error when it cannot be made
   */
  openNetwork?(request: { readonly runId: string; readonly doors: readonly NetworkDoor[] }): Promise<ClosedNetwork>;
  /** Ends every process whose `CYRUS_RUN` starts with `runIdPrefix`, left by an earlier service. Resolves with how many there were. */
  killLeftovers(runIdPrefix: string): Promise<number>;
}
