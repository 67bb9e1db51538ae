import { accessSync, constants, existsSync } from 'node:fs';
import { createServer } from 'node:net';
import { systemClock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { linearWorkspaces } from 'cyrus-core/config/workspaces';
import { createExecutors } from 'cyrus-edge-worker/executors';
import { createGitHub } from 'cyrus-github/client';
import { createLinear } from 'cyrus-linear/client';
import { readViewer } from 'cyrus-linear/read-viewer';
import { detectIsolation } from 'cyrus-sandbox/detect';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { readStatus } from 'cyrus-store/queries/status-read';
import type { CommandContext } from '../context.ts';
import { runCommand } from '../demo/git.ts';
import { ensureHome } from '../home.ts';
import { withStore } from '../open-home.ts';

export interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'failed';
  readonly detail: string;
  readonly fix?: string;
}

type Check = () => Promise<Finding | readonly Finding[]>;

/** Every check in the order in which a person mends things; a check that breaks is itself a finding. */
export async function* findings(context: CommandContext): AsyncGenerator<Finding> {
  yield { name: 'Node.js', state: 'ok', detail: process.version };
  const first: readonly (readonly [string, Check])[] = [
    ['git', checkGit],
    ['home', () => checkHome(context)],
  ];
  yield* runAll(first);
  let config: Config;
  try {
    config = context.config();
    yield {
      name: 'configuration',
      state: 'ok',
      detail: existsSync(context.home.configFile) ? context.home.configFile : `no ${context.home.configFile}: defaults`,
    };
  } catch (error) {
    yield {
      name: 'configuration',
      state: 'failed',
      detail: (error as Error).message,
      fix: 'Mend config.json; check it with: cyrus config validate',
    };
    return;
  }
  yield* runAll([
    ['isolation', () => checkIsolation(config)],
    ['executors', () => checkExecutors(config)],
    ['repositories', () => checkRepositories(config)],
    ['database', () => checkDatabase(context, config)],
    ['Linear', () => checkLinear(config)],
    ['GitHub', () => checkGitHub(config)],
  ]);
}

async function* runAll(checks: readonly (readonly [string, Check])[]): AsyncGenerator<Finding> {
  for (const [name, check] of checks) {
    try {
      const found = await check();
      if ('name' in found) yield found;
      else yield* found;
    } catch (error) {
      yield { name, state: 'failed', detail: error instanceof Error ? error.message : String(error) };
    }
  }
}

async function checkGit(): Promise<Finding> {
  const { code, output } = await runCommand('git', ['--version'], '/');
  const [major = 0, minor = 0] = (/(\d+)\.(\d+)/.exec(output)?.slice(1) ?? []).map(Number);
  if (code !== 0) return { name: 'git', state: 'failed', detail: 'not found', fix: 'Install git 2.38 or newer.' };
  if (major < 2 || (major === 2 && minor < 38))
    return {
      name: 'git',
      state: 'failed',
      detail: `${output.trim()} is too old to merge without a checkout`,
      fix: 'Install git 2.38 or newer.',
    };
  return { name: 'git', state: 'ok', detail: output.trim().replace('git version ', '') };
}

async function checkHome({ home }: CommandContext): Promise<Finding> {
  ensureHome(home);
  accessSync(home.directory, constants.W_OK);
  return { name: 'home', state: 'ok', detail: home.directory };
}

async function checkIsolation(config: Config): Promise<Finding> {
  const report = await detectIsolation();
  if (report.isolation !== 'none') return { name: 'isolation', state: 'ok', detail: report.detail };
  const fix = report.fix === undefined ? {} : { fix: report.fix };
  if (config.allowUnsandboxed)
    return {
      name: 'isolation',
      state: 'warning',
      detail: `none (allowUnsandboxed): agents can read and write whatever this user can. ${report.detail}`,
      ...fix,
    };
  return { name: 'isolation', state: 'failed', detail: report.detail, ...fix };
}

async function checkExecutors(config: Config): Promise<readonly Finding[]> {
  const report = await detectIsolation();
  const executors = createExecutors(config, createSandbox({ ...report, clock: systemClock }), systemClock, 'doctor-');
  const found: Finding[] = [];
  for (const [id, executor] of executors) {
    const health = await executor.health();
    const bad = id === config.executor ? 'failed' : 'warning';
    const fix = health.failure?.fix;
    found.push({
      name: `executor ${id}`,
      state: health.state === 'ready' ? 'ok' : bad,
      detail: health.detail,
      ...(fix === undefined ? {} : { fix }),
    });
  }
  if (!executors.has(config.executor))
    found.push({
      name: 'executor',
      state: 'failed',
      detail: `"${config.executor}" is not configured`,
      fix: `Set "executor" to one of: ${[...executors.keys()].join(', ')}.`,
    });
  return found;
}

async function checkRepositories(config: Config): Promise<readonly Finding[]> {
  if (config.repositories.length === 0)
    return [
      {
        name: 'repositories',
        state: 'warning',
        detail: 'none configured',
        fix: 'Add one to config.json: {"repositories": [{"id": "main", "repositoryPath": "/path/to/it"}]}',
      },
    ];
  return Promise.all(
    config.repositories.map(async ({ id, repositoryPath, remoteUrl }): Promise<Finding> => {
      const name = `repository ${id}`;
      if (repositoryPath === undefined) return { name, state: 'ok', detail: remoteUrl ?? '' };
      const { code } = await runCommand('git', ['-C', repositoryPath, 'rev-parse', '--git-dir'], '/', {
        GIT_CONFIG_COUNT: '1',
        GIT_CONFIG_KEY_0: 'safe.directory',
        GIT_CONFIG_VALUE_0: '*',
      });
      if (code === 0) return { name, state: 'ok', detail: repositoryPath };
      return { name, state: 'failed', detail: `${repositoryPath} is not a git repository`, fix: 'Mend repositoryPath, or set remoteUrl.' };
    }),
  );
}

async function checkDatabase(context: CommandContext, config: Config): Promise<readonly Finding[]> {
  return withStore(context.home, config, async (store) => {
    const status = await readStatus(store.db);
    const found: Finding[] = [{ name: 'database', state: 'ok', detail: store.description }];
    const [host] = status.hosts;
    if (status.running && host) found.push({ name: 'service', state: 'ok', detail: `running (pid ${host.pid})` });
    else found.push(await checkPort(config));
    for (const failure of status.failures)
      found.push({
        name: failure.entity,
        state: 'warning',
        detail: `${failure.lastError} (${failure.failures} times)`,
        fix: 'It is tried again by itself; see logs/cyrus.log of the home.',
      });
    return found;
  });
}

function checkPort(config: Config): Promise<Finding> {
  const { host, port } = config.server;
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error) =>
      resolve({ name: 'port', state: 'failed', detail: `${host}:${port}: ${error.message}`, fix: 'End what uses it, or set server.port.' }),
    );
    server.listen(port, host, () => server.close(() => resolve({ name: 'port', state: 'ok', detail: `${host}:${port} is free` })));
  });
}

async function checkLinear(config: Config): Promise<readonly Finding[]> {
  const found: Finding[] = [];
  const workspaces = linearWorkspaces(config).filter((workspace) => workspace.token !== undefined);
  if (workspaces.length === 0)
    found.push({ name: 'Linear', state: 'warning', detail: 'no token', fix: 'Set LINEAR_TOKEN, or linear.token in config.json.' });
  for (const { workspaceId, token, webhookSecret } of workspaces) {
    const name = workspaceId === undefined ? 'Linear' : `Linear ${workspaceId}`;
    const viewer = await readViewer(createLinear({ apiUrl: config.linear.apiUrl, token: token ?? '', clock: systemClock }));
    if (!viewer.ok)
      found.push({
        name,
        state: 'failed',
        detail: viewer.error.failure.message,
        fix: viewer.error.failure.fix ?? 'Look at the token and the network.',
      });
    else if (viewer.value.isApp)
      found.push({ name, state: 'ok', detail: `signed in as ${viewer.value.name} (${viewer.value.workspaceName})` });
    else
      found.push({
        name,
        state: 'warning',
        detail: `signed in as the person ${viewer.value.name}: Linear lets only an app write into agent sessions`,
        fix: 'Use the access token of a Linear app (OAuth with actor=app).',
      });
    if (webhookSecret === undefined)
      found.push({
        name: `${name} webhooks`,
        state: 'warning',
        detail: 'no signing secret: no webhook is accepted',
        fix: 'Set LINEAR_WEBHOOK_SECRET, or linear.webhookSecret.',
      });
  }
  return found;
}

async function checkGitHub(config: Config): Promise<Finding> {
  const token = config.github.token ?? config.repositories.find((repository) => repository.githubToken)?.githubToken;
  if (token === undefined)
    return {
      name: 'GitHub',
      state: 'warning',
      detail: 'no token: work ends with a pushed branch',
      fix: 'Set GITHUB_TOKEN for pull requests.',
    };
  const user = await createGitHub({ apiUrl: config.github.apiUrl, token, clock: systemClock }).whoAmI();
  if (user.ok) return { name: 'GitHub', state: 'ok', detail: `signed in as ${user.value.login}` };
  return { name: 'GitHub', state: 'failed', detail: user.error.message, fix: user.error.fix ?? 'Look at the token and the network.' };
}
