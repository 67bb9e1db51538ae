import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkConfig, formatConfigErrors, type ParsedConfig, parseConfig } from './parse.ts';

const fixture = (name: string): string => readFileSync(new URL(`./fixtures/${name}.json`, import.meta.url), 'utf8');
const parsed = (text: string, environment: Record<string, string> = {}): ParsedConfig => {
  const result = parseConfig(text, 'config.json', environment);
  if (!result.ok) throw new Error(formatConfigErrors(result.error, 'config.json'));
  return result.value;
};
const errorsOf = (file: unknown, environment: Record<string, string> = {}) => {
  const result = checkConfig(file, environment);
  return result.ok ? [] : result.error;
};
const repository = { id: 'a', repositoryPath: '/srv/a' };

describe('configurations that exist load unchanged', () => {
  test.each(readdirSync(new URL('./fixtures/', import.meta.url)))('%s', (file) => {
    expect(parsed(fixture(file.replace(/\.json$/, ''))).config.repositories).toBeDefined();
  });

  test('the hybrid example keeps every value, and its limits get a warning, not an error', () => {
    const { config, warnings } = parsed(fixture('seed-hybrid'));
    expect(config.repositories[0]).toEqual({
      id: 'main-repo',
      name: 'Main Repository',
      repositoryPath: '/path/to/repo',
      baseBranch: 'main',
      isActive: true,
      linearWorkspaceId: 'workspace-123',
      linearToken: 'lin_api_...',
      allowedTools: ['Read(**)', 'Edit(**)', 'Bash(git:*)', 'Task'],
    });
    expect(config.codegen).toMatchObject({ orgId: 'my-org-id', strategy: 'hybrid-smart', maxCostPerTask: 1, maxCostPerDay: 50 });
    expect(warnings.map(({ path }) => path)).toEqual(['codegen.orgId', 'codegen.maxCostPerTask', 'codegen.maxCostPerDay']);
  });

  test('an organisation of Codegen that is no number gets a warning that says so; a cap that is not held, too', () => {
    const features = { parallelExecution: false };
    const codegen = { enabled: true, apiToken: 'x', strategy: 'cloud-only', features, maxParallel: 4, estimatedCostPerRunUsd: 1 };
    const told = parsed(JSON.stringify({ codegen: { ...codegen, orgId: 'acme' } })).warnings.map(
      ({ path, message }) => `${path} ${message}`,
    );
    expect(told).toEqual([
      expect.stringMatching(/^codegen\.orgId is "acme"; .*whole number/),
      expect.stringMatching(/^codegen\.maxParallel is not used, .*one run at a time/),
    ]);
    for (const orgId of [42, '42']) expect(parsed(JSON.stringify({ codegen: { ...codegen, orgId, maxParallel: 1 } })).warnings).toEqual([]);
  });

  test('codegen without a strategy loads and says what that means', () => {
    const { config, warnings } = parsed(fixture('seed-cloud'));
    expect(config.codegen?.strategy).toBeUndefined();
    expect(warnings.find(({ path }) => path === 'codegen.strategy')?.message).toContain('local-only');
  });

  test("another version's configuration keeps its meaning; what is not used is named with the reason", () => {
    const { config, warnings } = parsed(fixture('upstream'));
    expect(config.defaultModel).toBe('sonnet');
    expect(config.defaultFallbackModel).toBe('haiku');
    expect(config.repositories[0]?.remoteUrl).toBe('https://github.com/acme/web');
    expect(config.repositories[0]?.labelPrompts?.scoper).toEqual({ labels: ['PRD'], allowedTools: 'readOnly', disallowedTools: ['Bash'] });
    expect(config.userAccessControl?.allowedUsers).toEqual([{ id: 'usr_2' }, { email: 'ada@example.test' }]);
    expect(config.linearWorkspaces['ws-1']?.linearToken).toBe('lin_oauth_abc');
    expect(warnings.map(({ path }) => path)).toEqual([
      'repositories[0].linearWorkspaceName',
      'repositories[0].workspaceBaseDir',
      'repositories[0].labelPrompts.graphite',
      'ngrokAuthToken',
      'stripeCustomerId',
      'geminiDefaultModel',
      'defaultRunner',
      'global_setup_script',
      'linearAllowedTools',
    ]);
  });
});

test('an empty object is a whole configuration with safe limits', () => {
  const { config, warnings } = parsed('{}');
  expect(warnings).toEqual([]);
  expect(config).toEqual({
    repositories: [],
    agentTools: { linear: true, maxCalls: 50, maxSubIssues: 5, maxDepth: 3 },
    linear: { apiUrl: 'https://api.linear.app/graphql' },
    linearWorkspaces: {},
    github: { apiUrl: 'https://api.github.com' },
    claude: { auth: 'apiKey' },
    executors: {},
    executor: 'claude',
    strategy: 'local-only',
    strategyOptions: { minReturn: 1, valuePerHourUsd: 10 },
    fallback: { allow: true, preferWaiting: false },
    cloudRuns: { lookForMs: 60_000, lateRunMs: 3_600_000, branchWaitMs: 180_000 },
    budgets: {
      perAttemptUsd: null,
      perTaskUsd: 5,
      perIssueUsd: null,
      perRepositoryUsd: null,
      perDayUsd: 50,
      perMonthUsd: null,
      timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
      alerts: {},
    },
    issueUpdateTrigger: true,
    server: { host: '127.0.0.1', port: 3456 },
    limits: {
      maxAttemptsPerTask: 3,
      attemptTimeoutMs: 3_600_000,
      verifyTimeoutMs: 1_200_000,
      setupTimeoutMs: 300_000,
      teardownTimeoutMs: 60_000,
      maxFileMb: 100,
      maxAgentIssues: 20,
      maxIssueDepth: 3,
    },
    drainMs: 30_000,
    allowUnsandboxed: false,
    sandbox: {},
    features: {},
    logLevel: 'info',
    checkouts: {
      pool: 1,
      poolIdleDays: 7,
      saveEveryMs: 180_000,
      fetchTimeoutMs: 7_200_000,
      keepWipDays: 14,
      keepUnpushedDays: 90,
      keepUnusedDays: 30,
      keepConversationDays: 30,
    },
    logFiles: { maxMb: 20, files: 5 },
    reconcile: { everyMs: 300_000 },
    retention: { arrivalsDays: 30, messagesDays: 7, writesDays: 30, jobsDays: 30, eventsDays: 90 },
    minFreeDiskMb: 1_024,
  });
});

test('every mistake is told at once, each with path, value, what is allowed and what to do', () => {
  const errors = errorsOf({
    repositories: [
      { id: 'a', repositoryPath: 5 },
      { id: 'a', repositoryPath: '/srv/b', allowedTools: ['rm -rf'] },
      { id: 'c', linearToken: 7 },
      { repositoryPath: '/srv/d', verify: { mode: 'locl' } },
    ],
    server: { port: '3456' },
    claude: { auth: 'apikey' },
    limits: { maxCostPerDayUsd: -1 },
    codegen: { enabled: 'true' },
    executors: { mine: { args: 'x' } },
  });
  expect(errors).toEqual([
    { path: 'repositories[0].repositoryPath', value: '5', allowed: 'a text in double quotes', fix: 'put it in double quotes' },
    {
      path: 'repositories[1].allowedTools[0]',
      value: '"rm -rf"',
      allowed: 'a tool, with or without a pattern: "Read", "Edit(src/**)", "Bash(git:*)", "mcp__linear"',
      fix: 'change the value',
    },
    { path: 'repositories[2].linearToken', value: '*** (hidden)', allowed: 'a text in double quotes', fix: 'put it in double quotes' },
    { path: 'repositories[3].id', value: 'nothing', allowed: 'a text in double quotes', fix: 'add "id"' },
    { path: 'repositories[3].verify.mode', value: '"locl"', allowed: '"local", "ci", "both"', fix: 'did you mean "local"?' },
    { path: 'claude.auth', value: '"apikey"', allowed: '"apiKey", "ownLogin"', fix: 'did you mean "apiKey"?' },
    { path: 'codegen.enabled', value: '"true"', allowed: 'true or false', fix: 'write true without quotes' },
    { path: 'executors.mine.command', value: 'nothing', allowed: 'a text in double quotes', fix: 'add "command"' },
    { path: 'executors.mine.args', value: '"x"', allowed: 'a list: [ … ]', fix: 'put it in brackets: ["x"]' },
    { path: 'server.port', value: '"3456"', allowed: 'a number', fix: 'write 3456 without quotes' },
    { path: 'limits.maxCostPerDayUsd', value: '-1', allowed: 'a number from 0 on', fix: 'change the value' },
    {
      path: 'repositories[1].id',
      value: '"a"',
      allowed: 'an id that no other repository has',
      fix: 'choose another id: repositories[0] has this one already',
    },
    {
      path: 'repositories[2]',
      value: 'nothing',
      allowed: 'repositoryPath (a checkout on this machine) or remoteUrl (where to clone from)',
      fix: 'add one of the two',
    },
  ]);
});

test.each([
  ['a port beyond the range', { server: { port: 70_000 } }, 'server.port', 'a number up to 65535'],
  ['a limit that is no whole number', { limits: { maxAttemptsPerTask: 1.5 } }, 'limits.maxAttemptsPerTask', 'a whole number'],
  ['an address that is none', { linear: { apiUrl: 'api.linear.app' } }, 'linear.apiUrl', 'an address that starts with https:// or http://'],
  ['one repository without brackets', { repositories: repository }, 'repositories', 'a list: [ … ]'],
  ['null', { server: null }, 'server', 'an object: { … }'],
  [
    'a mistake inside one form of a union',
    { repositories: [{ ...repository, labelPrompts: { builder: { labels: 'x' } } }] },
    'repositories[0].labelPrompts.builder.labels',
    'a list: [ … ]',
  ],
  ['an app of GitHub without its key', { github: { app: { appId: 7 } } }, 'github.app', 'privateKeyPath (the .pem file) or privateKey'],
  ['an app that is named in words', { github: { app: { appId: 'cyrus', privateKey: 'k' } } }, 'github.app.appId', 'the number of the app'],
  [
    'a key file that is not to be found from everywhere',
    { github: { app: { appId: 7, privateKeyPath: 'key.pem' } } },
    'github.app.privateKeyPath',
    'an absolute path, or one that begins with ~/',
  ],
  ['codegen without a token', { codegen: { enabled: true, orgId: 3 } }, 'codegen.apiToken', 'an API token'],
  ['cursor without a key', { cursor: { enabled: true } }, 'cursor.apiKey', 'an API key from cursor.com/dashboard'],
])('%s', (_name, file, path, allowed) => {
  expect(errorsOf(file)).toMatchObject([{ path, allowed }]);
});

test.each([
  ['a list', '[]'],
  ['a text', '"x"'],
  ['null', 'null'],
])('%s is no configuration', (_name, text) => {
  expect(parseConfig(text, 'config.json')).toMatchObject({ ok: false, error: [{ path: '(the whole file)', allowed: 'a JSON object' }] });
});

test('unknown models, tools of any server, and a byte order mark are accepted', () => {
  const text = `\uFEFF${JSON.stringify({ defaultModel: 'future-9', repositories: [{ ...repository, allowedTools: ['mcp__a__b', 'Bash(echo (x):*)', 'NewTool'] }] })}`;
  expect(parsed(text)).toMatchObject({ config: { defaultModel: 'future-9' }, warnings: [] });
});

test.each([
  [{ repostories: [] }, 'repostories', 'did you mean "repositories"?'],
  [{ repositories: [{ ...repository, repositorypath: '/x' }] }, 'repositories[0].repositorypath', 'did you mean "repositoryPath"?'],
  [{ repositories: [{ ...repository, linearTokn: 'lin_api_x' }] }, 'repositories[0].linearTokn', 'did you mean "linearToken"?'],
  [{ limits: { maxCostPerTaskUSD: 1 } }, 'limits.maxCostPerTaskUSD', 'did you mean "maxCostPerTaskUsd"?'],
  [{ executors: { mine: { command: 'x', arg: [] } } }, 'executors.mine.arg', 'did you mean "args"?'],
  [{ somethingElse: 1 }, 'somethingElse', 'has no effect'],
])('a key that is not known is accepted with a warning: %j', (file, path, message) => {
  const { warnings } = parsed(JSON.stringify(file));
  expect(warnings).toEqual([{ path, message: expect.stringContaining(message) }]);
});

test('of two credentials of GitHub one counts, and a warning says which', () => {
  const app = { appId: '7', privateKey: '-----BEGIN', privateKeyPath: '/k.pem' };
  const { config, warnings } = parsed(JSON.stringify({ github: { token: 't', app } }));
  expect(config.github.app).toEqual(app);
  expect(warnings.map(({ path }) => path)).toEqual(['github.token', 'github.app.privateKeyPath']);
});

test('free keys of maps are not "unknown"', () => {
  const file = {
    repositories: [{ ...repository, environmentVariables: { PATHS: 'x' } }],
    features: { anything: true },
    $schema: './x.json',
  };
  expect(parsed(JSON.stringify(file)).warnings).toEqual([]);
});

test('keys named like parts of an object are only keys', () => {
  const file = '{ "__proto__": { "server": 1 }, "constructor": 1, "repositories": [{ "id": "a", "repositoryPath": "/x", "toString": 1 }] }';
  expect(parsed(file).warnings.map(({ path }) => path)).toEqual(expect.arrayContaining(['constructor', 'repositories[0].toString']));
});

test('no secret is ever printed, wherever it stands', () => {
  const secret = 'lin_api_4f9c1d7e';
  const places = [
    { linear: secret },
    { linear: { token: { value: secret } } },
    { linear: { token: [secret] } },
    { github: { token: 'plain-token' }, server: secret },
    { repositories: [secret] },
    { repositories: [{ ...repository, allowedTools: secret, environmentVariables: { KEY: 5 } }] },
    { database: { url: 'postgres://cyrus:plain-token@db/x' }, logLevel: secret },
    { database: 'postgres://cyrus:plain-token@db/x' },
    { github: { app: { appId: 'x', privateKey: ['plain-token'] } } },
    { github: { app: '-----BEGIN RSA PRIVATE KEY-----plain-token' } },
  ];
  for (const file of places) {
    const errors = errorsOf(file);
    expect(errors.length).toBeGreaterThan(0);
    expect(formatConfigErrors(errors, 'config.json')).not.toMatch(/4f9c1d7e|plain-token/);
  }
  const broken = parseConfig(`{ "linear": { "token": "${secret}" "x": 1 } }`, 'config.json');
  expect(JSON.stringify(broken)).not.toContain('4f9c1d7e');
});

test('any JSON value is answered, never thrown at', () => {
  fc.assert(
    fc.property(
      fc.dictionary(fc.constantFrom('repositories', 'linear', 'server', 'codegen', 'executors', 'limits', 'x'), fc.jsonValue()),
      (file) => {
        const result = checkConfig(file, { LINEAR_TOKEN: 'lin_api_x', CYRUS_PORT: '1', CODEGEN_API_TOKEN: 'y' });
        return result.ok || result.error.every((error) => error.path.length > 0 && error.fix.length > 0);
      },
    ),
  );
});
