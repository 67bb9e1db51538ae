import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import type { Ledger } from 'cyrus-core/ports/ledger';
import type { Sandbox } from 'cyrus-core/ports/sandbox';
import { createCustomExecutor } from 'cyrus-custom-executor/custom-executor';
import { type KitCheck, testExecutor } from 'cyrus-custom-executor/test-kit';
import { createExecutors } from 'cyrus-edge-worker/executors';
import { createNetworks } from 'cyrus-edge-worker/network/networks';
import type { TaskExecutor } from 'cyrus-executor-interface/executor';
import { type Log, silentLog } from 'cyrus-store/log';
import { CliError, exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { openSandbox } from '../isolation.ts';
import { plain, type Terminal } from '../terminal.ts';

export interface ExecutorTestOptions {
  readonly command?: string;
  /** Seconds, of one run. */
  readonly timeout: number;
  readonly json?: boolean;
}

const marks = { passed: '✓', failed: '✗', skipped: '–' } as const;
const colours = { passed: 'green', failed: 'red', skipped: 'yellow' } as const;

/** `cyrus executor test ID | --command "…"`: has it do small tasks as Cyrus would, and says what to mend. Exits 1 when something is to be. */
export async function executorTest(context: CommandContext, id: string | undefined, options: ExecutorTestOptions): Promise<void> {
  const { config, terminal } = context;
  if ((id === undefined) === (options.command === undefined))
    throw new CliError('Name a configured executor, or give a command.', {
      code: exitCode.usage,
      fix: 'cyrus executor test mine, or cyrus executor test --command "/opt/mine/agent --json"',
    });
  const { sandbox, report } = await openSandbox(config());
  const runIdPrefix = `cyrus-executor-test-${process.pid}-`;
  const executor =
    options.command === undefined
      ? configured(config(), sandbox, id ?? '', runIdPrefix)
      : await given(options.command, sandbox, runIdPrefix);
  const network = sandbox.openNetwork ? 'closed' : 'open';
  const reach = network === 'closed' ? 'it reaches what sandbox.egress lists' : 'this isolation cannot close it';
  terminal.err(
    `Testing ${executor.id}, isolation ${report.isolation}, network ${network}: ${reach}. It does real work, which costs what its model costs and counts in no budget.`,
  );
  const directory = await mkdtemp(join(tmpdir(), 'cyrus-executor-test-'));
  const networks = createNetworks({
    ...{ home: directory, sandbox, config, clock: systemClock, ledger: trialLedger },
    log: trialLog(terminal),
  });
  const ids = { repositoryId: undefined, sessionId: null, planId: null, taskId: null, attemptId: null };
  const door = networks.door({ runId: `${runIdPrefix}network`, phase: 'agent', ...ids });
  const checks: KitCheck[] = [];
  try {
    for await (const check of testExecutor({
      ...{ executor, sandbox, directory, runIdPrefix, network: door },
      clock: systemClock,
      timeoutMs: options.timeout * 1000,
    })) {
      checks.push(check);
      if (options.json) continue;
      const { state, name, detail, fix } = check;
      terminal.out(`${terminal.style(colours[state], marks[state])} ${name}: ${plain(detail)}`);
      if (fix) terminal.out(`    fix: ${plain(fix)}`);
    }
  } finally {
    await door.close();
    await networks.close();
    await sandbox.killLeftovers(runIdPrefix);
    await rm(directory, { recursive: true, force: true });
  }
  const wrong = checks.filter(({ state }) => state === 'failed').length;
  if (options.json) terminal.out(JSON.stringify({ executor: executor.id, isolation: report.isolation, network, ok: wrong === 0, checks }));
  else terminal.out(wrong === 0 ? `${executor.id} keeps the protocol.` : `${wrong} to mend.`);
  if (wrong > 0) process.exitCode = exitCode.failed;
}

/** A trial belongs to no task: its calls go through the gateway as those of attempts do, and no budget holds them. */
const trialLedger: Ledger = { intend: async () => ({ granted: true }), settle: async () => undefined };

/** Tells each refused host once. */
function trialLog(terminal: Terminal): Log {
  const told = new Set<string>();
  return {
    ...silentLog,
    warn(fields, message) {
      const { host, port } = fields as { readonly host?: string; readonly port?: number };
      const line =
        host === undefined ? message : `${message} ${host}${port === undefined ? '' : `:${port}`} (allow it with sandbox.egress)`;
      if (!told.has(line)) terminal.err(plain(line));
      told.add(line);
    },
  };
}

function configured(config: Config, sandbox: Sandbox, id: string, runIdPrefix: string): TaskExecutor {
  const executors = createExecutors(config, sandbox, systemClock, runIdPrefix);
  const executor = executors.get(id);
  if (executor === undefined)
    throw new CliError(`There is no executor "${id}".`, {
      code: exitCode.usage,
      fix: `There are: ${[...executors.keys()].join(', ')}; or describe it under "executors".`,
    });
  if (executor.kind === 'cloud')
    throw new CliError(`"${id}" runs elsewhere: this test is for executors of this machine.`, {
      code: exitCode.usage,
      fix: id === 'codegen' ? 'Try it with: cyrus codegen test --task "…"' : 'See how it does with: cyrus status --check',
    });
  return executor;
}

/** Files that it names, such as a script, are meant from here, and are there for it; it works in another directory, of a sandbox. */
async function given(line: string, sandbox: Sandbox, runIdPrefix: string): Promise<TaskExecutor> {
  const [named, ...rest] = words(line);
  if (named === undefined) throw new CliError('--command is empty.', { code: exitCode.usage });
  const file = async (word: string): Promise<string | undefined> => {
    const found = await stat(resolve(word)).catch(() => undefined);
    return found?.isFile() ? resolve(word) : undefined;
  };
  const command = named.includes('/') ? ((await file(named)) ?? named) : named;
  const files = await Promise.all(rest.map(file));
  const args = rest.map((word, index) => files[index] ?? word);
  const readable = files.filter((path) => path !== undefined);
  return createCustomExecutor({ id: 'custom', sandbox, clock: systemClock, command, args, readable, runIdPrefix });
}

/** The words of a command line; quotes hold a word together. */
export function words(line: string): readonly string[] {
  return [...line.matchAll(/(?:[^\s"']+|"[^"]*"|'[^']*')+/g)].map(([word]) => word.replace(/"([^"]*)"|'([^']*)'/g, '$1$2'));
}
