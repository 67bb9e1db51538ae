import { chmod, mkdir, mkdtemp, symlink, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { bundle } from './support/bundle.ts';
import { plainEnvironment, runToEnd } from './support/program.ts';
import { until } from './support/until.ts';
import { secret, World } from './support/world.ts';

interface Finding {
  readonly name: string;
  readonly state: 'ok' | 'warning' | 'error';
  readonly detail: string;
  readonly why?: string;
  readonly fix?: string;
}

interface Arrangement {
  readonly config?: Readonly<Record<string, unknown>> | string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly home?: string;
  /** Changes the home that was made. */
  readonly prepare?: (home: string) => Promise<unknown>;
  /** Shell words before the command. */
  readonly limits?: string;
}

let world: World;
let main: string;
/** Answers for outside services what the stand-ins never would. */
let odd: Server;
let oddUrl: string;

beforeAll(async () => {
  ({ main } = await bundle());
  odd = createServer((request, response) => {
    const send = (status: number, body: object, headers: Record<string, string> = {}): void => {
      response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body));
    };
    const { pathname } = new URL(request.url ?? '/', 'http://odd');
    if (pathname === '/read-only/repos/acme/app') send(200, { permissions: { push: false } });
    else if (pathname === '/scopes/repos/acme/app') send(200, { permissions: { push: true } }, { 'x-oauth-scopes': 'gist, read:user' });
    else if (pathname === '/ahead') send(401, {}, { date: new Date(Date.now() + 3_600_000).toUTCString() });
    else send(401, { error: 'no' });
  });
  await new Promise<void>((resolve) => odd.listen(0, '127.0.0.1', resolve));
  oddUrl = `http://127.0.0.1:${(odd.address() as AddressInfo).port}`;
  world = await World.open();
});
afterAll(async () => {
  await world?.close();
  await new Promise((resolve) => odd?.close(resolve));
});

/** Everything right, for a home of its own beside the world's. */
const right = async (): Promise<Readonly<Record<string, unknown>>> => ({
  repositories: [
    { id: 'app', remoteUrl: (await world.github.repository('app')).cloneUrl ?? `${world.github.url}/acme/app.git`, teamKeys: ['ENG'] },
  ],
  linear: { apiUrl: world.linear.graphqlUrl, token: 'lin_oauth_app', webhookSecret: secret },
  github: { apiUrl: world.github.url, token: 'e2e-github-token' },
  claude: { apiUrl: world.model.url, apiKey: 'e2e-model-key' },
  server: { port: 0 },
  allowUnsandboxed: true,
});

/** `cyrus doctor --json` on a home of its own. */
async function examine(arrangement: Arrangement): Promise<{ readonly code: number | null; readonly findings: readonly Finding[] }> {
  const home = arrangement.home ?? (await mkdtemp(join(world.directory, 'patient-')));
  const { config = {} } = arrangement;
  if (arrangement.home === undefined)
    await writeFile(join(home, 'config.json'), typeof config === 'string' ? config : JSON.stringify({ ...(await right()), ...config }), {
      mode: 0o600,
    });
  await arrangement.prepare?.(home);
  const environment = plainEnvironment({ CYRUS_STATE_DIR: join(world.directory, 'state'), ...arrangement.environment });
  const command = [process.execPath, main, '--home', home, 'doctor', '--json'];
  const ran = await (arrangement.limits === undefined
    ? runToEnd(command[0] ?? '', command.slice(1), { environment })
    : runToEnd('/bin/sh', ['-c', `${arrangement.limits}; exec "$@"`, 'sh', ...command], { environment }));
  expect(ran.stderr).toBe('');
  return { code: ran.code, findings: (JSON.parse(ran.stdout) as { findings: readonly Finding[] }).findings };
}

/** A PATH of this world's with these programs, as shell scripts, before the real ones named. */
async function pathWith(scripts: Readonly<Record<string, string>>, real: readonly string[]): Promise<string> {
  const directory = await mkdtemp(join(world.directory, 'bin-'));
  for (const [name, text] of Object.entries(scripts)) await writeFile(join(directory, name), `#!/bin/sh\n${text}\n`, { mode: 0o755 });
  for (const name of real) {
    const { stdout } = await runToEnd('/bin/sh', ['-c', `command -v ${name}`]);
    await symlink(stdout.trim(), join(directory, name));
  }
  return directory;
}

test('with everything right there is nothing to mend', async () => {
  const { code, findings } = await examine({});
  expect(findings.filter(({ state, name }) => state !== 'ok' && name !== 'isolation')).toEqual([]);
  expect(code).toBe(0);
  expect(findings.length).toBeGreaterThan(18);
});

const table: readonly (readonly [string, () => Arrangement | Promise<Arrangement>, string, Finding['state'], RegExp, RegExp])[] = [
  ['a configuration that is no JSON', () => ({ config: '{"server": {' }), 'configuration', 'error', /line 1, column/, /config validate/],
  [
    'a configuration with mistakes',
    () => ({ config: { drainMs: -1, logLevel: 'loud' } }),
    'configuration',
    'error',
    /drainMs[\s\S]*logLevel/,
    /config validate/,
  ],
  ['a misspelt key', () => ({ config: { repositorys: [] } }), 'configuration', 'warning', /did you mean "repositories"/, /repositorys/],
  ['an open home', () => ({ prepare: (home) => chmod(home, 0o755) }), 'home', 'warning', /755/, /^chmod 700 /],
  [
    'tokens that others can read',
    () => ({ prepare: (home) => chmod(join(home, 'config.json'), 0o644) }),
    'home',
    'warning',
    /config\.json.*644/,
    /^chmod 600 /,
  ],
  ['a home that cannot be made', () => ({ home: '/proc/no-home' }), 'home', 'error', /cannot be made/, /chown|--home/],
  ['a file where the home should be', () => ({ home: main }), 'home', 'error', /no directory/, /--home/],
  ['no git', async () => ({ environment: { PATH: await pathWith({}, ['sh']) } }), 'git', 'error', /not found/, /Install git 2\.38/],
  [
    'an old git',
    async () => ({ environment: { PATH: await pathWith({ git: 'echo git version 2.30.2' }, ['sh']) } }),
    'git',
    'error',
    /2\.30\.2 is too old/,
    /Install git 2\.38/,
  ],
  [
    'no bubblewrap',
    async () => ({ config: { allowUnsandboxed: false }, environment: { PATH: await pathWith({}, ['sh', 'git']) } }),
    'isolation',
    'error',
    /not installed/,
    /apt-get install bubblewrap/,
  ],
  [
    'forbidden user namespaces',
    async () => ({
      config: { allowUnsandboxed: false },
      environment: { PATH: await pathWith({ bwrap: 'echo "bwrap: setting up uid map: Permission denied" >&2; exit 1' }, ['sh', 'git']) },
    }),
    'isolation',
    'error',
    /Permission denied/,
    /apparmor_restrict_unprivileged_userns=0/,
  ],
  ['few open files', () => ({ limits: 'ulimit -n 256' }), 'open files', 'error', /only 256/, /LimitNOFILE/],
  [
    'more agents than memory',
    () => ({ config: { limits: { maxParallelAgents: 1000 } } }),
    'memory',
    'warning',
    /1000 agents/,
    /maxParallelAgents/,
  ],
  ['a disk that is too small', () => ({ config: { minFreeDiskMb: 100_000_000 } }), 'disk', 'error', /100000000 MB are needed/, /cyrus gc/],
  [
    'a name that says nothing',
    () => ({ config: { linear: { apiUrl: 'https://linear.invalid/graphql', token: 't', webhookSecret: 's' } } }),
    'names',
    'error',
    /linear\.invalid/,
    /spelling/,
  ],
  [
    'a proxy Node takes no notice of',
    () => ({ environment: { HTTPS_PROXY: 'http://127.0.0.1:9' } }),
    'proxy',
    'warning',
    /HTTPS_PROXY/,
    /NODE_USE_ENV_PROXY=1/,
  ],
  [
    'a clock that is behind',
    () => ({ config: { linear: { apiUrl: `${oddUrl}/ahead`, token: 't', webhookSecret: 's' } } }),
    'clock',
    'warning',
    /\d+ s behind/,
    /set-ntp/,
  ],
  [
    'a database that is away',
    () => ({ environment: { DATABASE_URL: 'postgres://u:hidden-password@127.0.0.1:9/x' } }),
    'database',
    'error',
    /127\.0\.0\.1/,
    /DATABASE_URL/,
  ],
  [
    'a database address that is none',
    () => ({ environment: { DATABASE_URL: 'mysql://x' } }),
    'database',
    'error',
    /not a PostgreSQL URL/,
    /DATABASE_URL/,
  ],
  [
    'a taken port',
    () => ({ config: { server: { port: (odd.address() as AddressInfo).port } } }),
    'port',
    'error',
    new RegExp(`taken by .*\\(pid ${process.pid}\\)`),
    /"server": \{"port"/,
  ],
  ['no repository', () => ({ config: { repositories: [] } }), 'repositories', 'warning', /none/, /repositoryPath/],
  [
    'a path to nothing',
    () => ({ config: { repositories: [{ id: 'app', repositoryPath: '/no/such' }] } }),
    'repository app',
    'error',
    /does not exist/,
    /repositoryPath/,
  ],
  [
    'a path that is no repository',
    () => ({ config: { repositories: [{ id: 'app', repositoryPath: world.home }] } }),
    'repository app',
    'error',
    /not a git repository/,
    /git init/,
  ],
  [
    'a remote that does not answer',
    () => ({ config: { repositories: [{ id: 'app', remoteUrl: 'http://127.0.0.1:9/a/b.git' }] } }),
    'remote of app',
    'error',
    /127\.0\.0\.1:/,
    /network/,
  ],
  [
    'a token the remote refuses',
    () => ({ config: { github: { apiUrl: world.github.url, token: 'wrong' } } }),
    'remote of app',
    'error',
    /Could not ask/,
    /token/,
  ],
  [
    'a base branch that is not there',
    async () => ({
      config: { repositories: [{ ...((await right()) as { repositories: object[] }).repositories[0], baseBranch: 'develop' }] },
    }),
    'remote of app',
    'error',
    /no branch develop/,
    /main/,
  ],
  [
    'a wrong GitHub token',
    () => ({ config: { github: { apiUrl: world.github.url, token: 'wrong' } } }),
    'GitHub acme/app',
    'error',
    /not accepted/,
    /GITHUB_TOKEN/,
  ],
  [
    'a GitHub account that may only read',
    () => ({
      config: { github: { apiUrl: `${oddUrl}/read-only` }, repositories: [{ id: 'app', remoteUrl: `${oddUrl}/acme/app.git` }] },
      environment: { GITHUB_TOKEN: 't' },
    }),
    'GitHub acme/app',
    'error',
    /may not push/,
    /write access/,
  ],
  [
    'a GitHub token without its scope',
    () => ({
      config: { github: { apiUrl: `${oddUrl}/scopes` }, repositories: [{ id: 'app', remoteUrl: `${oddUrl}/acme/app.git` }] },
      environment: { GITHUB_TOKEN: 't' },
    }),
    'GitHub acme/app',
    'error',
    /gist, read:user/,
    /"repo"/,
  ],
  ['no GitHub token', async () => ({ config: { github: { apiUrl: world.github.url } } }), 'GitHub', 'warning', /no token/, /GITHUB_TOKEN/],
  ['a wrong Linear token', () => ({ environment: { LINEAR_TOKEN: 'expired-token' } }), 'Linear', 'error', /./, /LINEAR_TOKEN/],
  ['a person’s key', () => ({ environment: { LINEAR_TOKEN: 'lin_api_local' } }), 'Linear', 'warning', /personal API key/, /actor=app/],
  [
    'a token of another workspace',
    async () => ({ config: { linear: { ...((await right())['linear'] as object), workspaceId: 'another' } } }),
    'Linear another',
    'error',
    /belongs to the workspace/,
    /workspace/,
  ],
  [
    'a team that is closed to the app',
    async () => ({ config: { repositories: [{ ...((await right()) as { repositories: object[] }).repositories[0], teamKeys: ['OPS'] }] } }),
    'Linear',
    'warning',
    /team OPS/,
    /give the app access/,
  ],
  [
    'Linear away',
    () => ({ environment: { CYRUS_LINEAR_API_URL: 'http://127.0.0.1:59999/graphql' } }),
    'Linear',
    'error',
    /127\.0\.0\.1:/,
    /network/,
  ],
  [
    'no signing secret',
    () => ({ config: { linear: { apiUrl: world.linear.graphqlUrl, token: 'lin_oauth_app' } } }),
    'webhooks',
    'error',
    /no signing secret/,
    /LINEAR_WEBHOOK_SECRET/,
  ],
  [
    'no agent',
    () => ({ config: { claude: { binaryPath: '/no/such/claude', apiKey: 'k', apiUrl: oddUrl } } }),
    'executor claude',
    'error',
    /\/no\/such\/claude/,
    /claude\.binaryPath/,
  ],
  ['no key for the model', () => ({ config: { claude: {} } }), 'executor claude', 'error', /no API key/, /ANTHROPIC_API_KEY/],
  ['an executor that is not there', () => ({ config: { executor: 'mine' } }), 'executor', 'error', /"mine"/, /claude/],
  [
    'a wrong key for the model',
    () => ({ config: { claude: { apiUrl: oddUrl, apiKey: 'wrong' } } }),
    'model',
    'error',
    /does not accept/,
    /ANTHROPIC_API_KEY/,
  ],
  [
    'a model that is away',
    () => ({ config: { claude: { apiUrl: 'http://127.0.0.1:9', apiKey: 'k' } } }),
    'model',
    'error',
    /does not answer/,
    /claude\.apiUrl/,
  ],
  [
    'a program the checks need',
    () => ({ config: { verify: { commands: ['no-such-tool test'] } } }),
    'checks of app',
    'error',
    /no-such-tool/,
    /readable/,
  ],
  ['a budget of 0', () => ({ config: { budgets: { perDayUsd: 0 } } }), 'budgets', 'warning', /perDayUsd is 0/, /to null/],
  [
    'a host for agents that leads nowhere',
    () => ({ config: { sandbox: { egress: ['registry.invalid'] } } }),
    'egress registry.invalid',
    'warning',
    /cannot be resolved/,
    /sandbox\.egress/,
  ],
  [
    'a host for agents that is this machine',
    () => ({ config: { sandbox: { egress: ['localhost:5000'] } } }),
    'egress localhost',
    'warning',
    /which the proxy refuses/,
    /beside "localhost"/,
  ],
  [
    'checks left to pull requests that there are none of',
    async () => ({
      config: {
        repositories: [{ ...((await right()) as { repositories: object[] }).repositories[0], verify: { mode: 'ci' } }],
        github: { apiUrl: world.github.url },
      },
    }),
    'pull request checks of app',
    'warning',
    /gets none/,
    /GITHUB_TOKEN/,
  ],
  [
    'no engine for the containers that are asked for',
    async () => ({
      config: { sandbox: { isolation: 'container' } },
      environment: { PATH: await pathWith({}, ['sh', 'git']) },
    }),
    'isolation',
    'error',
    /[Pp]odman|[Dd]ocker|container/,
    /./,
  ],
];

test.each(table)('%s', async (_what, arrange, name, state, detail, fix) => {
  const { code, findings } = await examine(await arrange());
  const found = findings.filter((finding) => finding.name === name && finding.state === state);
  expect(found.map((finding) => finding.detail).join('\n')).toMatch(detail);
  expect(found.map((finding) => finding.fix).join('\n')).toMatch(fix);
  for (const { why } of found) expect(why?.length).toBeGreaterThan(10);
  expect(code).toBe(findings.some((finding) => finding.state === 'error') ? 1 : 0);
  const all = JSON.stringify(findings);
  for (const hidden of ['e2e-github-token', 'lin_oauth_app', 'e2e-model-key', 'hidden-password', secret]) expect(all).not.toContain(hidden);
});

const here = async (): Promise<readonly Finding[]> =>
  (JSON.parse((await world.cyrus('doctor', '--json')).stdout) as { findings: readonly Finding[] }).findings;
const named = (findings: readonly Finding[], name: string): Finding | undefined => findings.find((finding) => finding.name === name);

test('beside the running service: its webhooks, those it refuses, and the credential that Linear refuses', async () => {
  const { linear } = world;
  const before = await here();
  expect(named(before, 'service')?.detail).toContain(String(world.service.pid));
  expect(named(before, 'webhooks')).toMatchObject({ state: 'warning', detail: 'none has arrived yet' });

  await linear.deliverTo(`${world.url}/webhooks/linear`, 'another-secret');
  await linear.assign({ title: 'Nobody hears of it' });
  const deaf = await until('the refusal to be told', async () => {
    const finding = named(await here(), 'webhooks');
    return finding?.state === 'error' && finding;
  });
  expect(deaf.detail).toMatch(/signature_wrong/);
  expect(deaf.fix).toMatch(/LINEAR_WEBHOOK_SECRET/);

  await linear.deliverTo(`${world.url}/webhooks/linear`, secret);
  const heard = await linear.assign({ title: 'Somebody hears of it' });
  await linear.closing(heard);
  expect(named(await here(), 'webhooks')).toMatchObject({
    state: 'ok',
    detail: expect.stringMatching(/so far, the last .* ago; \d+ refused/),
  });

  await linear.fault({ kind: 'unauthorized' });
  await linear.say(heard, 'And now?');
  const refused = await until('the refused credential to be told', async () =>
    (await here()).find((finding) => finding.name.startsWith('credential linear:')),
  );
  expect(refused.state).toBe('error');
  await linear.noFaults();
});

test('for people: what is wrong, why, and the fix; it makes nothing where nothing is', async () => {
  const home = join(world.directory, 'not-there');
  const ran = await runToEnd(process.execPath, [main, '--home', home, 'doctor'], { environment: plainEnvironment() });
  expect(ran.code).toBe(1);
  expect(ran.stdout).toMatch(/^! Linear: no token\n {4}why: .+\n {4}fix: .*LINEAR_TOKEN/m);
  expect(ran.stdout).toMatch(/to mend\.$/m);
  expect(ran.stdout).not.toContain('    at ');
  await expect(mkdir(home)).resolves.toBeUndefined();
});
