import { dirname } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Sandbox, SandboxNetwork } from 'cyrus-core/ports/sandbox';
import { err, ok, type Result } from 'cyrus-core/result';
import type { ExecutorCapabilities, TaskExecutor } from 'cyrus-executor-interface/executor';
import { findExecutable } from 'cyrus-executor-interface/find-executable';
import { localRuns } from 'cyrus-executor-interface/local-runs';
import { openRunNetwork } from 'cyrus-executor-interface/mcp-servers';
import { beginCustomRun } from './custom-run.ts';

export interface CustomExecutorOptions {
  /** Default `custom`. */
  readonly id?: string;
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  /** An absolute path, or a name on the PATH. */
  readonly command: string;
  readonly args: readonly string[];
  /** Added to PATH, HOME (the conversation's directory), TMPDIR and LANG; a request's variables win over these. */
  readonly env?: Readonly<Record<string, string>>;
  /** Host paths the command needs to read besides its own directory: its scripts and libraries. */
  readonly readable?: readonly string[];
  readonly network?: SandboxNetwork;
  /** What the command cannot do, where it is not everything. */
  readonly capabilities?: Partial<Pick<ExecutorCapabilities, 'steer' | 'resume' | 'cost' | 'perRunModel' | 'perRunMcp'>>;
  /** The command's PATH; absent: this process's. */
  readonly searchPath?: string;
  readonly runIdPrefix?: string;
}

const everything: ExecutorCapabilities = {
  cancel: 'run',
  followUp: true,
  steer: true,
  events: 'stream',
  webhook: false,
  cost: 'money',
  idempotentCreate: true,
  perRunModel: true,
  perRunMcp: true,
  opensPr: false,
  hardBudget: false,
  structuredOutput: false,
  resume: true,
};

/** Runs attempts with a configured command that speaks the line protocol of `protocol.ts`, inside the sandbox. */
export function createCustomExecutor(options: CustomExecutorOptions): TaskExecutor {
  const id = options.id ?? 'custom';
  const runs = localRuns(id, options.runIdPrefix);
  const { resume = true } = options.capabilities ?? {};
  const capabilities: ExecutorCapabilities = { ...everything, ...options.capabilities, followUp: resume };
  const searchPath = options.searchPath ?? process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';

  async function program(): Promise<Result<string, Failure>> {
    const found = await findExecutable(options.command, searchPath);
    if (found !== undefined) return ok(found);
    const message = `The command ${options.command} of the executor "${id}" is not there or cannot be executed.`;
    return err({ class: 'missing_binary', message, fix: `Install it, or set executors.${id}.command to where it is.` });
  }

  return {
    id,
    kind: 'local',
    capabilities,
    start: (request, key) =>
      runs.start(key, async (runId) => {
        const command = await program();
        if (!command.ok) throw new FailureError(command.error);
        const home = request.conversation.directory;
        const { network, mcpServers } = await openRunNetwork(request, {});
        // Its first connection may come at once.
        await network?.ready.catch(() => undefined);
        return beginCustomRun({
          runId,
          request: Object.keys(mcpServers).length > 0 ? { ...request, mcpConfig: { mcpServers } } : request,
          sandbox: options.sandbox,
          clock: options.clock,
          command: command.value,
          args: options.args,
          env: {
            PATH: searchPath,
            LANG: 'C.UTF-8',
            TMPDIR: home,
            GIT_TERMINAL_PROMPT: '0',
            GIT_CONFIG_NOSYSTEM: '1',
            ...options.env,
            ...request.environmentVariables,
            ...network?.env,
            HOME: home,
          },
          readable: [dirname(command.value), ...(options.readable ?? [])],
          network: network?.network ?? options.network ?? 'open',
        });
      }),
    find: async (key) => runs.find(key),
    attach: (ref, cursor) => runs.attach(ref, cursor),
    getStatus: async (ref) => runs.status(ref),
    stop: (ref) => runs.stop(ref),
    ...(capabilities.steer ? { send: async (ref, message) => runs.send(ref, message) } : {}),
    async health() {
      const command = await program();
      if (command.ok) return { state: 'ready', detail: onOneLine([command.value, ...options.args].join(' ')) };
      return { state: 'unavailable', detail: command.error.message, failure: command.error };
    },
  };
}

/** A command as it is shown: a script in its arguments would fill the screen. */
function onOneLine(text: string): string {
  const flat = text.replace(/\s+/g, ' ');
  return flat.length <= 120 ? flat : `${flat.slice(0, 119)}…`;
}
