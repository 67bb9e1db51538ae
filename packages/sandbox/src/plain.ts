import { spawn } from 'node:child_process';
import type { Clock } from 'cyrus-core/clock';
import type { Sandbox, SandboxedProcess } from 'cyrus-core/ports/sandbox';
import { killRun, type Match, ofRuns, runMarker } from './process-table.ts';
import { createTether } from './tether.ts';
import { unstarted } from './unstarted.ts';

/** Names one spawn, so that the end of one command takes nothing of another command of the same run with it. */
const partMarker = 'CYRUS_RUN_PART';

/**
 * Runs commands on the host itself, held in by nothing: for users who allow it, and for tests. What it keeps of a sandbox is that
 * a run leaves no process behind: not when it ends, not when it is killed, not when this process dies. Processes are found by the
 * markers in their environment and by their ancestry; only one that has both cleared its environment and lost its parents escapes.
 */
export function createPlain({ clock }: { readonly clock: Clock }): Sandbox {
  const tether = createTether();
  let count = 0;
  return {
    isolation: 'none',
    killLeftovers: (prefix) => killRun(clock, ofRuns(prefix)),
    spawn(spec) {
      const part = `${process.pid}.${clock.now()}.${++count}`;
      const mark = `${partMarker}=${part}`;
      const matches: Match = (environment) => environment.includes(mark);
      tether.hold(mark);
      let child: ReturnType<typeof spawn>;
      try {
        child = spawn(spec.command, spec.args, {
          cwd: spec.cwd,
          detached: true,
          env: { ...spec.env, [runMarker]: spec.runId, [partMarker]: part },
          stdio: ['pipe', 'pipe', 'pipe'],
        });
      } catch (error) {
        tether.release(mark);
        return unstarted(error as Error);
      }
      const clean = async (alsoBelow: readonly number[] = []): Promise<void> => {
        await killRun(clock, matches, { alsoBelow });
        tether.release(mark);
      };
      const exited = new Promise<Awaited<SandboxedProcess['exited']>>((resolve) => {
        child.once('error', (error) => {
          if (child.pid !== undefined) return;
          tether.release(mark);
          resolve({ code: null, signal: null, spawnError: error });
        });
        child.once('exit', (code, signal) => {
          // A process that does not end after SIGKILL stays with the tether.
          void clean()
            .catch(() => undefined)
            .then(() => resolve({ code, signal }));
        });
      });
      return {
        child,
        exited,
        async kill() {
          const alive = child.pid !== undefined && child.exitCode === null && child.signalCode === null;
          await clean(alive && child.pid !== undefined ? [child.pid] : []);
          await exited;
        },
      };
    },
  };
}
