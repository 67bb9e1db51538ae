import { configSchema } from 'cyrus-core/config/schema';
import type { StatusSnapshot } from 'cyrus-store/queries/status-read';
import { expect, test } from 'vitest';
import type { Finding } from '../finding.ts';
import { judgeBudgets } from './budgets.ts';
import { judgeCommands, programOf } from './check-commands.ts';
import { judgeClock } from './clock.ts';
import { judgeDatabase } from './database.ts';
import { judgeDisk } from './disk.ts';
import { judgeEgress, listedHosts } from './egress.ts';
import { leftOut } from './executors.ts';
import { judgeGit } from './git.ts';
import { judgeGitHub } from './github.ts';
import { type HomeFacts, judgeHome } from './home.ts';
import { judgeIsolation } from './isolation.ts';
import { judgeLinear } from './linear.ts';
import { judgeMcpMistakes, judgeMcpServers } from './mcp.ts';
import { judgeMemory } from './memory.ts';
import { judgeModel } from './model.ts';
import { judgeNames, judgeProxy } from './network.ts';
import { judgeNode } from './node.ts';
import { judgeOpenFiles } from './open-files.ts';
import { judgePullRequestChecks } from './pull-request-checks.ts';
import { judgeQueues } from './queues.ts';
import { judgeRemote } from './remotes.ts';
import { judgePath } from './repositories.ts';
import { judgePort } from './service.ts';
import { judgeTemporary } from './temporary.ts';
import { judgeWebhooks } from './webhooks.ts';

const held = { allowUnsandboxed: false, sandbox: {} };
const health = {
  webhooks: { count: 3, lastAt: 1_000_000 },
  refused: { reasons: {}, lastAt: null },
  rejected: { count: 0, last: null },
  overdue: [],
  refusedCredentials: [],
  parked: [],
  openQuestions: 0,
  connections: { used: 5, max: 40 },
};
const status = {
  now: 4_600_000,
  running: true,
  hosts: [],
  plans: {},
  agentsRunning: 0,
  openTurns: 0,
  outbound: [],
  failures: [],
};
const home: HomeFacts = {
  directory: '/home/ada/.cyrus',
  exists: true,
  isDirectory: true,
  ownedBy: 1000,
  uid: 1000,
  mode: 0o40_700,
  configMode: 0o600,
  executable: true,
};
const app = { name: 'Cyrus', isApp: true, workspaceId: 'w1', workspaceName: 'Acme' };
const hooks = { secret: true, running: true, health, now: 4_600_000, port: 3456 };
const open = {
  state: 'open',
  executorsOut: [],
  openRuns: [],
  description: 'embedded PostgreSQL 18',
  status: status as Partial<StatusSnapshot> as StatusSnapshot,
  health,
} as const;

const table: readonly (readonly [string, Finding | readonly Finding[], Finding['state'], RegExp])[] = [
  ['a current Node', judgeNode('v24.1.0'), 'ok', /24/],
  ['the oldest Node that will do', judgeNode('v22.12.0'), 'ok', /22/],
  ['an old Node', judgeNode('v22.11.0'), 'error', /too old/],
  ['a current git', judgeGit({ code: 0, output: 'git version 2.39.5\n' }), 'ok', /^2\.39\.5$/],
  ['an old git', judgeGit({ code: 0, output: 'git version 2.34.1' }), 'error', /too old/],
  ['no git', judgeGit({ code: null, output: 'spawn git ENOENT' }), 'error', /not found/],
  ['isolation', judgeIsolation({ isolation: 'bwrap', detail: 'Agents run in bubblewrap.' }, held), 'ok', /bubblewrap/],
  ['no isolation', judgeIsolation({ isolation: 'none', detail: 'not installed', fix: 'Install it.' }, held), 'error', /not installed/],
  [
    'no isolation, accepted',
    judgeIsolation({ isolation: 'none', detail: 'not installed' }, { ...held, allowUnsandboxed: true }),
    'warning',
    /accepts/,
  ],
  [
    'no isolation, accepted, but one asked for',
    judgeIsolation({ isolation: 'none', detail: 'no engine' }, { allowUnsandboxed: true, sandbox: { isolation: 'container' } }),
    'error',
    /no engine/,
  ],
  ['enough memory', judgeMemory({ slots: 2, totalMb: 2_000 }), 'ok', /2000 MB/],
  ['too little memory', judgeMemory({ slots: 8, totalMb: 2_000 }), 'warning', /3700 MB/],
  ['room on the disk', judgeDisk({ freeMb: 9_000, neededMb: 1_000, freeInodes: 0.5, directory: '/' }), 'ok', /9000/],
  ['a disk that is nearly full', judgeDisk({ freeMb: 1_500, neededMb: 1_000, freeInodes: 1, directory: '/' }), 'warning', /1500/],
  ['a full disk', judgeDisk({ freeMb: 10, neededMb: 1_000, freeInodes: 1, directory: '/' }), 'error', /10 MB free/],
  ['no inodes', judgeDisk({ freeMb: 9_000, neededMb: 1_000, freeInodes: 0.001, directory: '/' }), 'error', /inodes/],
  ['many files', judgeOpenFiles(65_536), 'ok', /65536/],
  ['few files', judgeOpenFiles(1_024), 'warning', /1024/],
  ['far too few files', judgeOpenFiles(128), 'error', /128/],
  ['/tmp', judgeTemporary(undefined), 'ok', /\/tmp/],
  ['a full /tmp', judgeTemporary('ENOSPC'), 'error', /is full/],
  ['no /tmp', judgeTemporary('ENOENT'), 'error', /does not exist/],
  ['a home', judgeHome(home), 'ok', /\.cyrus/],
  ['no home yet', judgeHome({ ...home, exists: false }), 'ok', /first start/],
  ['a file as home', judgeHome({ ...home, isDirectory: false }), 'error', /no directory/],
  ['a closed home', judgeHome({ ...home, problem: 'EACCES', ownedBy: 0 }), 'error', /belongs to the account 0, this is 1000/],
  ['a read-only home', judgeHome({ ...home, problem: 'EROFS' }), 'error', /read-only file system/],
  ['another’s home', judgeHome({ ...home, uid: 0 }), 'warning', /belongs to the account 1000/],
  ['an open home', judgeHome({ ...home, mode: 0o40_755 }), 'warning', /755/],
  ['an open config.json', judgeHome({ ...home, configMode: 0o644 }), 'warning', /644/],
  ['a home where nothing runs', judgeHome({ ...home, executable: false }), 'error', /noexec/],
  ['known names', judgeNames(['api.linear.app'], []), 'ok', /api\.linear\.app/],
  ['unknown names', judgeNames(['a', 'b'], ['b']), 'error', /^b cannot/],
  ['a proxy that Node overlooks', judgeProxy({ HTTPS_PROXY: 'http://p' }), 'warning', /HTTPS_PROXY/],
  ['a proxy that Node uses', judgeProxy({ HTTPS_PROXY: 'http://p', NODE_USE_ENV_PROXY: '1' }), 'ok', /used/],
  ['a right clock', judgeClock(-900), 'ok', /within 1 s/],
  ['a clock an hour ahead', judgeClock(3_600_000), 'warning', /3600 s ahead/],
  ['a clock an hour behind', judgeClock(-3_600_000), 'warning', /3600 s behind/],
  ['a clock a day behind', judgeClock(-86_400_000), 'error', /86400 s behind/],
  ['a database', judgeDatabase(open, false), 'ok', /embedded/],
  ['no database yet', judgeDatabase({ state: 'unmade' }, false), 'ok', /first start/],
  ['a database that is away', judgeDatabase({ state: 'away', message: 'refused' }, true), 'error', /refused/],
  [
    'a database without connections left',
    judgeDatabase({ ...open, health: { ...health, connections: { used: 39, max: 40 } } }, false),
    'warning',
    /39 of 40/,
  ],
  ['a free port', judgePort({ host: '127.0.0.1', port: 3456 }), 'ok', /free/],
  [
    'a taken port',
    judgePort({ host: '127.0.0.1', port: 3456, problem: 'EADDRINUSE', holder: 'nginx (pid 7)' }),
    'error',
    /nginx \(pid 7\)/,
  ],
  ['a port for root', judgePort({ host: '127.0.0.1', port: 80, problem: 'EACCES' }), 'error', /may not use port 80/],
  ['an address of another machine', judgePort({ host: '10.9.9.9', port: 1, problem: 'EADDRNOTAVAIL' }), 'error', /EADDRNOTAVAIL/],
  ['a repository', judgePath('app', '/r', 'repository'), 'ok', /\/r/],
  ['a path to nothing', judgePath('app', '/r', 'nothing'), 'error', /does not exist/],
  ['a path to a plain directory', judgePath('app', '/r', 'directory'), 'error', /not a git repository/],
  ['a path that is closed', judgePath('app', '/r', 'closed'), 'error', /cannot be read/],
  ['a remote', judgeRemote('app', undefined, { ok: true, url: 'u', branches: ['main'], defaultBranch: 'main' }), 'ok', /u, main/],
  [
    'a base branch that is not there',
    judgeRemote('app', 'develop', { ok: true, url: 'u', branches: ['main'], defaultBranch: 'main' }),
    'error',
    /no branch develop/,
  ],
  ['an empty remote', judgeRemote('app', undefined, { ok: true, url: 'u', branches: [], defaultBranch: undefined }), 'warning', /empty/],
  ['a remote that refuses', judgeRemote('app', undefined, { ok: false, failure: { class: 'auth', message: 'denied' } }), 'error', /denied/],
  ['a GitHub repository', judgeGitHub('a/b', { status: 200, mayPush: true }), 'ok', /pushed/],
  ['a wrong GitHub token', judgeGitHub('a/b', { status: 401 }), 'error', /not accepted/],
  ['a GitHub token for something else', judgeGitHub('a/b', { status: 404 }), 'error', /may not see a\/b/],
  ['a GitHub token that may only read', judgeGitHub('a/b', { status: 200, mayPush: false }), 'error', /may not push/],
  ['a GitHub token without its scope', judgeGitHub('a/b', { status: 200, mayPush: true, scopes: ['gist'] }), 'error', /gist/],
  ['an archived repository', judgeGitHub('a/b', { status: 200, archived: true }), 'error', /archived/],
  ['GitHub away', judgeGitHub('a/b', { status: undefined, problem: 'ECONNREFUSED' }), 'error', /ECONNREFUSED/],
  ['GitHub in trouble', judgeGitHub('a/b', { status: 502 }), 'warning', /502/],
  ['an app of Linear', judgeLinear({ ok: true, viewer: app, teams: ['ENG'] }, { teamKeys: ['ENG'] }), 'ok', /Cyrus \(Acme\)/],
  [
    'a person’s key',
    judgeLinear({ ok: true, viewer: { ...app, isApp: false }, teams: [] }, { teamKeys: [], personalKey: true }),
    'warning',
    /personal API key/,
  ],
  ['another workspace', judgeLinear({ ok: true, viewer: app, teams: [] }, { teamKeys: [], workspaceId: 'w2' }), 'error', /workspace Acme/],
  ['a closed team', judgeLinear({ ok: true, viewer: app, teams: ['ENG'] }, { teamKeys: ['OPS'] }), 'warning', /team OPS \(but to ENG\)/],
  [
    'a wrong token',
    judgeLinear({ ok: false, failure: { class: 'auth', message: 'Linear refuses the token.' } }, { teamKeys: [] }),
    'error',
    /refuses/,
  ],
  ['webhooks', judgeWebhooks(hooks), 'ok', /3 so far, the last 1h/],
  ['no signing secret', judgeWebhooks({ ...hooks, secret: false }), 'error', /no signing secret/],
  [
    'no webhook yet',
    judgeWebhooks({ ...hooks, health: { ...health, webhooks: { count: 0, lastAt: null } } }),
    'warning',
    /none has arrived/,
  ],
  [
    'a wrong signing secret',
    judgeWebhooks({ ...hooks, health: { ...health, refused: { reasons: { signature_wrong: 4 }, lastAt: 2_000_000 } } }),
    'error',
    /4 refused.*4 × signature_wrong/,
  ],
  [
    'forged ones among good ones',
    judgeWebhooks({ ...hooks, health: { ...health, refused: { reasons: { signature_wrong: 4 }, lastAt: 500 } } }),
    'ok',
    /4 refused in the last day/,
  ],
  ['a model', judgeModel('https://m', 200), 'ok', /accepts/],
  ['a gateway without a list of models', judgeModel('https://m', 404), 'ok', /not tried/],
  ['a wrong key', judgeModel('https://m', 401), 'error', /does not accept/],
  ['a model that is away', judgeModel('https://m', 'ECONNREFUSED'), 'error', /ECONNREFUSED/],
  ['a model in trouble', judgeModel('https://m', 529), 'warning', /529/],
  ['programs of checks', judgeCommands('app', ['npm'], []), 'ok', /npm/],
  ['a program that is missing', judgeCommands('app', ['npm', 'pnpm'], ['pnpm']), 'error', /^pnpm cannot/],
  [
    'MCP servers',
    judgeMcpServers('app', { a: { type: 'stdio', command: 'x' }, b: { type: 'http', url: 'https://h/mcp?key=s' } }, []),
    'ok',
    /^a \(started in the sandbox: x\), b \(asked from outside: h\)$/,
  ],
  ['an MCP server that is missing', judgeMcpServers('app', { a: { type: 'stdio', command: 'x' } }, ['x']), 'error', /^a \(x\) cannot/],
  [
    'mistakes of MCP servers',
    judgeMcpMistakes('app', [
      { path: 'f', value: 'no file', allowed: 'a file', fix: 'make it' },
      { path: 'g', value: '', allowed: '', fix: '' },
    ]),
    'error',
    /^f is no file, allowed is a file \(and 1 more\)$/,
  ],
  ['empty queues', judgeQueues(health, status), 'ok', /nothing is stuck/],
  [
    'a refused credential',
    judgeQueues({ ...health, refusedCredentials: [{ credential: 'linear:w', message: 'expired', at: 1_000_000 }] }, status),
    'error',
    /refused 1h.*expired/,
  ],
  [
    'writes that wait',
    judgeQueues({ ...health, overdue: [{ credential: 'git', count: 2, oldestAt: 1_000_000, trouble: 'no route' }] }, status),
    'warning',
    /2 wait.*no route/,
  ],
  ['writes that were refused', judgeQueues({ ...health, rejected: { count: 1, last: 'too long' } }, status), 'warning', /too long/],
  [
    'an entity that fails',
    judgeQueues(health, { ...status, failures: [{ entity: 'plan:1', failures: 4, lastError: 'boom', lastAt: 1 }] }),
    'warning',
    /boom \(4 times\)/,
  ],
  [
    'parked issues',
    judgeQueues({ ...health, parked: [{ identifier: 'ENG-1', reason: 'budget', until: null }] }, status),
    'warning',
    /ENG-1 \(budget\)/,
  ],
];

test.each(table)('%s', (_what, judged, state, detail) => {
  const [finding] = 'name' in judged ? [judged] : judged;
  expect(finding?.state).toBe(state);
  expect(finding?.detail).toMatch(detail);
  // Whoever reads it learns what goes wrong and what to do.
  if (state !== 'ok') for (const text of [finding?.why, finding?.fix]) expect(text?.length).toBeGreaterThan(10);
});

test.each([
  ['npm test', 'npm'],
  ['CI=1 FOO=x pnpm run test', 'pnpm'],
  ['./mvnw test', undefined],
  ['(cd web && npm test)', undefined],
  ['$TOOL', undefined],
  ['  ', undefined],
])('the program of %j', (command, program) => {
  expect(programOf(command)).toBe(program);
});

test('an executor that was taken out: why, until when, and what to do', () => {
  const parked = {
    executorId: 'cloud',
    state: 'parked',
    reason: 'its token was refused',
    until: null,
    fix: 'Set another one.',
    since: 0,
  } as const;
  expect(leftOut(parked)).toMatchObject({
    state: 'warning',
    name: 'executor cloud',
    detail: 'it is parked until that is mended: its token was refused',
    fix: 'Set another one.',
  });
  expect(leftOut({ ...parked, state: 'resting', until: 1, fix: null })).toMatchObject({
    detail: expect.stringMatching(/resting until \d\d:/),
    fix: expect.stringContaining('Nothing'),
  });
});

test('budgets of 0 are named, with what to set if no limit was meant', () => {
  const budgets = { perAttemptUsd: null, perTaskUsd: 5, perIssueUsd: null, perRepositoryUsd: null, perDayUsd: 0, perMonthUsd: null };
  const config = configSchema.parse({ repositories: [{ id: 'app', repositoryPath: '/app', budgets: { perTaskUsd: 0 } }], budgets });
  expect(judgeBudgets(config)).toMatchObject([
    { state: 'warning', detail: 'budgets.perDayUsd is 0: nothing may be spent', fix: expect.stringContaining('to null') },
    { state: 'warning', detail: 'repositories "app" budgets.perTaskUsd is 0: nothing may be spent' },
  ]);
  expect(judgeBudgets(configSchema.parse({}))).toEqual([]);
});

test('hosts that agents may reach: those that lead nowhere, or to an address that is not listed', () => {
  const sandbox = {
    egress: ['a.example:8443', '*.b.example', '10.0.0.7:5000', '[fd00::1]:5000'],
    setupEgress: ['registries', 'a.example'],
  };
  const config = configSchema.parse({ sandbox, repositories: [{ id: 'app', repositoryPath: '/app', sandbox: { egress: ['c.example'] } }] });
  expect(listedHosts(config)).toEqual(['a.example', '10.0.0.7', 'fd00::1', 'c.example']);
  expect(judgeEgress('a.example', ['93.184.216.34'], new Set())).toEqual([]);
  expect(judgeEgress('a.example', [], new Set())).toMatchObject([{ state: 'warning', detail: 'cannot be resolved' }]);
  expect(judgeEgress('a.example', ['10.0.0.7'], new Set())).toMatchObject([
    {
      name: 'egress a.example',
      detail: expect.stringContaining('leads to 10.0.0.7'),
      fix: expect.stringContaining('list 10.0.0.7 beside'),
    },
  ]);
  expect(judgeEgress('a.example', ['10.0.0.7'], new Set(['10.0.0.7']))).toEqual([]);
  expect(judgeEgress('a.example', ['10.0.0.7', '93.184.216.34'], new Set())).toEqual([]);
});

test.each([
  ['ci', null, 'warning', /this repository gets none/, /without any check/],
  ['both', null, 'warning', /this repository gets none/, /Only the checks that run here/],
  ['ci', 403, 'error', /may not read the checks/, /without their verdict/],
] as const)('verify.mode %s where GitHub says %s', (mode, answer, state, detail, why) => {
  const [finding] = judgePullRequestChecks('app', mode, answer);
  expect(finding).toMatchObject({
    name: 'pull request checks of app',
    state,
    detail: expect.stringMatching(detail),
    why: expect.stringMatching(why),
  });
  expect(judgePullRequestChecks('app', mode, 200)).toMatchObject([{ state: 'ok' }]);
  expect(judgePullRequestChecks('app', mode, 0)).toEqual([]);
});
