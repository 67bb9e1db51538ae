import { mkdir, readlink, rm, stat, symlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import { type Failure, FailureError } from 'cyrus-core/failure';
import type { Sandbox, SandboxNetwork } from 'cyrus-core/ports/sandbox';
import type {
  AttemptKey,
  ExecutionEvent,
  ExecutionRequest,
  ExecutionStatus,
  ExecutorCapabilities,
  ExecutorHealth,
  RunRef,
  TaskExecutor,
} from 'cyrus-executor-interface/executor';
import { type LocalRuns, localRuns } from 'cyrus-executor-interface/local-runs';
import { openRunNetwork } from 'cyrus-executor-interface/mcp-servers';
import { findAgentBinary } from './agent-binary.ts';
import { agentEnv, configDirectory, temporaryDirectory } from './agent-env.ts';
import { binaryVersion } from './binary-version.ts';
import { beginClaudeRun } from './claude-run.ts';
import { missingLogin } from './failures.ts';
import { realPath } from './real-path.ts';
import { toolPolicy } from './tool-policy.ts';

export interface ClaudeExecutorOptions {
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  /** The model API or a gateway before it; absent: the vendor's own. */
  readonly apiUrl?: string;
  readonly apiKey?: string;
  /** `ownLogin`: the user's own Claude login instead of a key. */
  readonly auth?: 'apiKey' | 'ownLogin';
  /** `ownLogin`: the credentials file of the user's `claude`, given to the agent to read (default `~/.claude/.credentials.json` of `home`). */
  readonly credentialsFile?: string;
  /** Absent: the SDK's own binary, else `claude` on the PATH. */
  readonly binaryPath?: string;
  readonly gitIdentity?: { readonly name: string; readonly email: string };
  readonly defaultModel?: string;
  readonly network?: SandboxNetwork;
  /** The agent's PATH; absent: this process's. */
  readonly searchPath?: string;
  /** How often the agent asks the model API again before a call counts as failed (default 3). */
  readonly maxRetries?: number;
  /** In front of every run id, so that leftovers of one installation can be told from another's. */
  readonly runIdPrefix?: string;
}

const capabilities: ExecutorCapabilities = {
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
  // The agent checks its cost limit after each model call: it can be overshot by one call.
  hardBudget: false,
  structuredOutput: false,
  resume: true,
};

/** What the user's own login talks to: the API, and where its token is made new. */
function loginHosts(apiUrl: string | undefined): readonly string[] {
  if (apiUrl === undefined) return ['api.anthropic.com', 'console.anthropic.com', 'platform.claude.com', 'claude.ai'];
  const { hostname, port, protocol } = new URL(apiUrl);
  return [`${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`];
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

export function createClaudeExecutor(options: ClaudeExecutorOptions): TaskExecutor {
  return new ClaudeExecutorAdapter(options);
}

/** Runs attempts with Claude Code, through the Claude Agent SDK, inside the sandbox. */
export class ClaudeExecutorAdapter implements TaskExecutor {
  readonly id = 'claude';
  readonly kind = 'local';
  readonly capabilities: ExecutorCapabilities = capabilities;
  readonly #options: ClaudeExecutorOptions;
  readonly #searchPath: string;
  readonly #runs: LocalRuns;

  constructor(options: ClaudeExecutorOptions) {
    this.#options = options;
    this.#searchPath = options.searchPath ?? process.env['PATH'] ?? '/usr/local/bin:/usr/bin:/bin';
    this.#runs = localRuns(this.id, options.runIdPrefix);
  }

  /** @throws FailureError `missing_binary`, `auth`, `invalid_request`, `budget_exceeded` */
  start(request: ExecutionRequest, key: AttemptKey): Promise<RunRef> {
    return this.#runs.start(key, async (runId) => {
      const options = this.#options;
      const binary = await this.#binary();
      await this.#checkLogin();
      checkRequest(request);
      const home = request.conversation.directory;
      const ownLogin = options.auth === 'ownLogin';
      const login = ownLogin ? [await lendLogin(this.#credentialsFile(), home)] : [];
      const needs = ownLogin ? { hosts: loginHosts(options.apiUrl) } : { model: true };
      const { network, mcpServers } = await openRunNetwork(request, needs);
      return beginClaudeRun({
        runId,
        request,
        sandbox: options.sandbox,
        clock: options.clock,
        binary,
        env: agentEnv({
          searchPath: this.#searchPath,
          home,
          apiUrl: network?.model?.url ?? options.apiUrl,
          apiKey: ownLogin ? undefined : (network?.model?.key ?? options.apiKey),
          gitIdentity: options.gitIdentity ?? { name: 'Cyrus', email: 'cyrus@localhost' },
          maxRetries: options.maxRetries ?? 3,
          variables: { ...request.environmentVariables, ...network?.env },
        }),
        policy: toolPolicy({
          allowedTools: request.allowedTools,
          disallowedTools: request.disallowedTools,
          readOnly: request.readOnly === true,
          editable: request.editable,
          workingDirectory: request.workingDirectory,
          home,
          ownDirectories: [
            temporaryDirectory(home),
            join(configDirectory(home), 'projects'),
            ...(request.filesDirectory ? [request.filesDirectory] : []),
          ],
          realPath,
        }),
        apiUrl: options.apiUrl,
        model: request.model ?? options.defaultModel,
        network: network?.network ?? options.network ?? 'open',
        readable: login,
        mcpServers,
      });
    });
  }

  async find(key: AttemptKey): Promise<RunRef | undefined> {
    return this.#runs.find(key);
  }

  attach(ref: RunRef, cursor?: string): AsyncIterable<ExecutionEvent> {
    return this.#runs.attach(ref, cursor);
  }

  async getStatus(ref: RunRef): Promise<ExecutionStatus> {
    return this.#runs.status(ref);
  }

  stop(ref: RunRef): Promise<'confirmed'> {
    return this.#runs.stop(ref);
  }

  async send(ref: RunRef, message: { readonly id: number; readonly text: string }): Promise<'steered' | 'queued' | 'too_late'> {
    return this.#runs.send(ref, message);
  }

  /** Whether the binary runs and a login is there. Never calls a model. */
  async health(): Promise<ExecutorHealth> {
    try {
      const binary = await this.#binary();
      await this.#checkLogin();
      const version = await binaryVersion({
        sandbox: this.#options.sandbox,
        clock: this.#options.clock,
        binary,
        searchPath: this.#searchPath,
        runId: `${this.#options.runIdPrefix ?? ''}health`,
      });
      if (!version.ok) return unavailable(version.error);
      const { apiUrl, auth } = this.#options;
      const login = auth === 'ownLogin' ? 'own login' : 'API key';
      return { state: 'ready', detail: `Claude Code ${version.value} (${binary}), ${login}${apiUrl ? `, ${apiUrl}` : ''}` };
    } catch (error) {
      if (error instanceof FailureError) return unavailable(error.failure);
      throw error;
    }
  }

  async #binary(): Promise<string> {
    const found = await findAgentBinary({ binaryPath: this.#options.binaryPath, searchPath: this.#searchPath });
    if (!found.ok) throw new FailureError(found.error);
    return found.value;
  }

  async #checkLogin(): Promise<void> {
    if (this.#options.auth !== 'ownLogin') {
      if (!this.#options.apiKey) throw new FailureError(missingLogin);
      return;
    }
    const file = this.#credentialsFile();
    if (!(await stat(file).catch(() => undefined))?.isFile()) {
      throw new FailureError({
        class: 'auth',
        message: `There is no Claude login at ${file}.`,
        fix: 'Run the claude command once and log in.',
      });
    }
  }

  #credentialsFile(): string {
    return this.#options.credentialsFile ?? join(process.env['HOME'] ?? '/', '.claude', '.credentials.json');
  }
}

const unavailable = (failure: Failure): ExecutorHealth => ({ state: 'unavailable', detail: failure.message, failure });

function checkRequest(request: ExecutionRequest): void {
  const wrong = (message: string): FailureError => new FailureError({ class: 'invalid_request', message });
  if (!uuid.test(request.conversation.id)) throw wrong(`The conversation's id must be a UUID, not ${request.conversation.id}.`);
  if (request.prompt.trim() === '') throw wrong('The prompt is empty.');
  if (request.maxCost !== undefined && request.maxCost <= 0)
    throw new FailureError({ class: 'budget_exceeded', message: 'Nothing may be spent on this attempt.' });
}

/** Puts the user's credentials where the agent looks for them, by a link: no copy of the token is kept. Returns what must be readable. */
async function lendLogin(file: string, home: string): Promise<string> {
  const link = join(configDirectory(home), '.credentials.json');
  await mkdir(dirname(link), { recursive: true, mode: 0o700 });
  if ((await readlink(link).catch(() => undefined)) !== file) {
    await rm(link, { force: true });
    await symlink(file, link);
  }
  return file;
}
