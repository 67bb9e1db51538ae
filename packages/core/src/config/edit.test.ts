import { expect, test } from 'vitest';
import { type ConfigChange, editConfig, readValues } from './edit.ts';
import { masked, valueAt } from './key-path.ts';

const app = { id: 'app', remoteUrl: 'https://example.org/app.git' };
const file = (value: object): string => JSON.stringify(value, null, 2);

function edited(value: object, changes: readonly ConfigChange[], environment = {}): unknown {
  const result = editConfig(file(value), changes, 'config.json', environment);
  if (!result.ok) throw new Error(JSON.stringify(result.error));
  return JSON.parse(result.value.text);
}

function refused(value: object, changes: readonly ConfigChange[], environment = {}): readonly string[] {
  const result = editConfig(file(value), changes, 'config.json', environment);
  if (result.ok) throw new Error(`accepted: ${result.value.text}`);
  return result.error.map(({ path, fix }) => `${path}: ${fix}`);
}

test.each<[string, object, readonly ConfigChange[], object]>([
  ['makes the objects on the way', {}, [{ key: 'server.port', value: 4000 }], { server: { port: 4000 } }],
  [
    'keeps what is beside it, in its order',
    { drainMs: 1, logLevel: 'info' },
    [{ key: 'drainMs', value: 2 }],
    { drainMs: 2, logLevel: 'info' },
  ],
  [
    'finds an entry by its id',
    { repositories: [app] },
    [{ key: 'repositories.app.baseBranch', value: 'dev' }],
    { repositories: [{ ...app, baseBranch: 'dev' }] },
  ],
  [
    'and by its place',
    { repositories: [app] },
    [{ key: 'repositories[0].baseBranch', value: 'dev' }],
    { repositories: [{ ...app, baseBranch: 'dev' }] },
  ],
  [
    'adds an entry at the end',
    { repositories: [app] },
    [{ key: 'repositories.1', value: { ...app, id: 'b' } }],
    { repositories: [app, { ...app, id: 'b' }] },
  ],
  [
    'takes a name with dots in quotes',
    {},
    [{ key: 'linearWorkspaces["a.b"].linearToken', value: 't' }],
    { linearWorkspaces: { 'a.b': { linearToken: 't' } } },
  ],
  [
    'moves the name of another version to ours',
    { claudeDefaultModel: 'old' },
    [{ key: 'claudeDefaultModel', value: 'new' }],
    { defaultModel: 'new' },
  ],
  ['takes a key out', { drainMs: 5, logLevel: 'info' }, [{ key: 'drainMs' }], { logLevel: 'info' }],
  ['takes an entry out', { repositories: [app] }, [{ key: 'repositories.app' }], { repositories: [] }],
  [
    'accepts several that are right only together',
    {},
    [
      { key: 'codegen.enabled', value: true },
      { key: 'codegen.orgId', value: 7 },
      { key: 'codegen.apiToken', value: 'x' },
    ],
    { codegen: { enabled: true, orgId: 7, apiToken: 'x' } },
  ],
])('%s', (_name, before, changes, after) => {
  const result = edited(before, changes);
  expect(result).toEqual(after);
  expect(Object.keys(result as object)).toEqual(Object.keys(after));
});

test('every mistake is told, those of the keys and those of the values', () => {
  const mistakes = refused({ repositories: [app] }, [
    { key: 'repositories.nope.baseBranch', value: 'dev' },
    { key: 'server.port', value: 'many' },
    { key: 'drainMs', value: -1 },
    { key: 'server.prot', value: 1 },
    { key: 'a..b', value: 1 },
    { key: '__proto__.x', value: 1 },
    { key: 'repositories.app.id.x', value: 1 },
    { key: 'repositories[7].id', value: 'z' },
  ]);
  expect(mistakes.join('\n')).toMatch(/repositories\.nope\.baseBranch: there is no entry with the id "nope"/);
  for (const part of [
    'server.port',
    'drainMs',
    'a..b',
    '__proto__.x',
    'repositories[0].id: take it out first',
    'repositories[1] adds an entry',
  ])
    expect(mistakes.join('\n')).toContain(part);
  expect(refused({}, [{ key: 'server.prot', value: 1 }])).toEqual(['server.prot: did you mean server.port?']);
});

test('a key that nobody knows is a mistake wherever it is in the key', () => {
  expect(refused({}, [{ key: 'sever.port', value: 3 }])).toEqual(['sever: did you mean server?']);
  expect(refused({ sever: {} }, [{ key: 'sever.port', value: 3 }])).toEqual(['sever: did you mean server?']);
  expect(refused({}, [{ key: 'nothingLikeIt', value: 3 }])).toEqual(['nothingLikeIt: look the key up there']);
  expect(refused({}, [{ key: 'stripeCustomerId', value: 'x' }])).toEqual(['stripeCustomerId: Cyrus has no billing']);
  // What is there already, or goes, keeps nobody from changing something else.
  expect(edited({ sever: { port: 3 } }, [{ key: 'drainMs', value: 1 }])).toEqual({ sever: { port: 3 }, drainMs: 1 });
  expect(edited({ sever: { port: 3 } }, [{ key: 'sever.port' }])).toEqual({ sever: {} });
});

test('the same key twice is a mistake, however it is written', () => {
  expect(
    refused({}, [
      { key: 'drainMs', value: 1 },
      { key: 'drainMs', value: 2 },
    ]),
  ).toEqual(['drainMs: name this key once']);
  expect(
    refused({ repositories: [app] }, [
      { key: 'repositories.app.baseBranch', value: 'a' },
      { key: 'repositories[0].baseBranch', value: 'a' },
    ]),
  ).toEqual(['repositories[0].baseBranch: name this key once']);
});

test('an entry of a list that is not there yet is to be added whole', () => {
  expect(refused({}, [{ key: 'repositories.app.baseBranch', value: 'main' }])).toEqual([
    `repositories.app.baseBranch: add it whole first: cyrus config set repositories '[{"id":"app", …}]'`,
  ]);
});

test('the environment completes what the file leaves out, and covers no mistake up', () => {
  const environment = { CODEGEN_ORG_ID: '7', CODEGEN_API_TOKEN: 't', CYRUS_PORT: '4000' };
  expect(edited({}, [{ key: 'codegen.enabled', value: true }], environment)).toEqual({ codegen: { enabled: true } });
  expect(refused({}, [{ key: 'server.port', value: 'x' }], environment)).toHaveLength(1);
  const over = editConfig('{}', [{ key: 'server.port', value: 5000 }], 'config.json', environment);
  expect(over.ok && over.value.warnings.map(({ message }) => message)).toEqual([expect.stringContaining('CYRUS_PORT')]);
});

test('a broken file is not touched: its mistake is told', () => {
  const result = editConfig('{"server": ', [{ key: 'server.port', value: 1 }], 'config.json');
  expect(result.ok).toBe(false);
  expect(!result.ok && result.error[0]?.path).toMatch(/^line 1/);
});

test('the indentation stays, and nothing to change is no change', () => {
  const text = '{\n\t"drainMs": 5\n}\n';
  const same = editConfig(text, [{ key: 'drainMs', value: 5 }], 'config.json');
  expect(same.ok && same.value.changed).toBe(false);
  expect(same.ok && same.value.text).toBe(text);
  const gone = editConfig(text, [{ key: 'logLevel' }], 'config.json');
  expect(gone.ok && gone.value.changed).toBe(false);
});

test('a value is JSON where that fits, else the text itself', () => {
  const read = (...given: readonly (readonly [string, string])[]): readonly unknown[] =>
    readValues(
      '{}',
      given.map(([key, text]) => ({ key, text })),
      'config.json',
    ).map(({ value }) => value);
  expect(read(['server.port', '4000'], ['allowUnsandboxed', 'true'], ['sandbox.egress', '["a.example"]'])).toEqual([
    4000,
    true,
    ['a.example'],
  ]);
  expect(read(['defaultModel', '123'], ['linear.workspaceId', 'true'], ['server.port', '1'])).toEqual(['123', 'true', 1]);
  expect(read(['limits.maxCostPerDayUsd', 'null'], ['defaultModel', 'opus'])).toEqual([null, 'opus']);
  expect(read(['server.port', '-5'])).toEqual([-5]);
});

test('a value is read by its key, and shown without secrets', () => {
  const value = { repositories: [{ ...app, linearToken: 'x' }], executors: { mine: { environmentVariables: { A: 'b' }, command: 'c' } } };
  expect(valueAt(value, 'repositories.app.remoteUrl')).toMatchObject({ path: ['repositories', 0, 'remoteUrl'], value: app.remoteUrl });
  expect(valueAt(value, 'server.port')).toMatchObject({ value: undefined });
  expect(valueAt(value, 'repositories.x')).toContain('no entry with the id "x"');
  expect(masked([], value)).toEqual({
    repositories: [{ ...app, linearToken: '***' }],
    executors: { mine: { environmentVariables: { A: '***' }, command: 'c' } },
  });
});
