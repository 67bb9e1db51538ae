import { describe, expect, test } from 'vitest';
import { toolPolicy } from './tool-policy.ts';

const work = '/work/repo';
const links: Record<string, string> = {
  '/work/repo/escape': '/etc',
  '/work/repo/src/out': '/home/user',
  '/work/repo/docs/in': '/work/repo/src',
};
/** Follows the links above, as `realPath` follows those of a disk. */
const follow = (path: string): string => {
  const hit = Object.keys(links).find((link) => path === link || path.startsWith(`${link}/`));
  return hit ? follow(`${links[hit]}${path.slice(hit.length)}`) : path;
};

function allowed(tool: string, input: unknown, allowedTools?: string[], disallowedTools?: string[], cwd?: string): boolean {
  const options = { workingDirectory: work, home: '/home/agent', realPath: follow, ownDirectories: ['/home/agent/tmp'] };
  const policy = toolPolicy({ ...options, allowedTools, disallowedTools });
  return policy.decide({ tool, input, ...(cwd ? { cwd } : {}) }).allowed;
}

const file = (path: string): object => ({ file_path: path });
const bash = (command: string): object => ({ command });

describe('without lists', () => {
  test.each([
    ['Bash', bash('rm -rf /')],
    ['Write', file('/etc/passwd')],
    ['mcp__any__tool', {}],
    ['SomethingNew', {}],
    ['AskUserQuestion', {}],
  ])('%s is allowed', (tool, input) => expect(allowed(tool, input)).toBe(true));
  test.each(['ExitPlanMode', 'EnterWorktree', 'CronCreate'])('%s is refused: nobody is there', (tool) =>
    expect(allowed(tool, {})).toBe(false),
  );
});

describe('an allow list holds only what it names', () => {
  test.each<[string, object, string[], boolean]>([
    ['Read', file('a.ts'), ['Read(**)'], true],
    ['AskUserQuestion', {}, ['Read(**)'], true],
    ['Read', file('/etc/passwd'), ['Read(**)'], false],
    ['Read', file('/etc/passwd'), ['Read'], true],
    ['Read', file('/etc/passwd'), ['Read(//etc/**)'], true],
    ['Read', file('~/notes'), ['Read(~/notes)'], true],
    ['Read', file('/home/agent/tmp/output'), ['Read(**)'], true],
    ['Write', file('/home/agent/tmp/output'), ['Read(**)', 'Edit(**)'], false],
    ['Bash', bash('ls'), ['Read(**)'], false],
    ['Bash', bash('ls'), ['Bash'], true],
    ['Bash', bash('ls'), ['Bash(*)'], true],
    ['Agent', {}, ['Task'], true],
    ['Task', {}, ['Agent'], true],
    ['Agent', {}, ['Read'], false],
    ['BashOutput', {}, ['Bash(git:*)'], true],
    ['BashOutput', {}, ['Read'], false],
    ['SomethingNew', {}, ['Read', 'Bash'], false],
    ['ToolSearch', {}, ['Read'], true],
    ['mcp__linear__get', {}, ['mcp__linear'], true],
    ['mcp__linear__get', {}, ['mcp__linear__get'], true],
    ['mcp__linear__get', {}, ['mcp__linear__*'], true],
    ['mcp__linear__get', {}, ['mcp__linear__set'], false],
    ['mcp__linearx__get', {}, ['mcp__linear'], false],
    ['WebFetch', { url: 'https://docs.example.com/x' }, ['WebFetch(domain:example.com)'], true],
    ['WebFetch', { url: 'https://example.com.evil.net/' }, ['WebFetch(domain:example.com)'], false],
    ['WebFetch', { url: 'no url' }, ['WebFetch(domain:example.com)'], false],
    ['Read', {}, ['Read(**)'], false],
    ['Bash', {}, ['Bash'], false],
  ])('%s %j with %j: %s', (tool, input, list, expected) => expect(allowed(tool, input, list)).toBe(expected));
});

describe('paths are what they lead to', () => {
  test.each<[string, string, string[], boolean]>([
    ['Edit', 'src/a.ts', ['Edit(src/**)'], true],
    ['Write', 'src/deep/er/a.ts', ['Edit(src/**)'], true],
    ['MultiEdit', '/work/repo/src/a.ts', ['Edit(src/**)'], true],
    ['Edit', 'test/a.ts', ['Edit(src/**)'], false],
    ['Write', 'srcx/a.ts', ['Edit(src/**)'], false],
    ['Write', 'src/../test/a.ts', ['Edit(src/**)'], false],
    ['Write', 'src/../../other/a.ts', ['Edit(**)'], false],
    ['Write', 'escape/passwd', ['Edit(**)'], false],
    ['Write', 'src/out/file', ['Edit(src/**)'], false],
    ['Write', 'docs/in/a.ts', ['Edit(docs/**)'], false],
    ['Write', 'docs/in/a.ts', ['Edit(src/**)'], true],
    ['Write', 'src/a.ts', ['Edit(/src/**)'], true],
    ['Write', 'src/a.ts', ['Edit(./src/**)'], true],
    ['Write', 'a/b/c.md', ['Edit(*.md)'], true],
    ['Write', 'a/b/c.md', ['Edit(/*.md)'], false],
    ['Write', 'c.md', ['Edit(/*.md)'], true],
    ['Write', 'src/a.ts', ['Edit(src/*.{ts,js})'], true],
    ['Write', 'src/a.py', ['Edit(src/*.{ts,js})'], false],
    ['Write', 'src/b/a.ts', ['Edit(src/*.ts)'], false],
    ['Write', 'src/b/a.ts', ['Edit(src/**/a.ts)'], true],
    ['Write', 'src/a.ts', ['Edit(src/**/a.ts)'], true],
    ['Write', 'src/a.ts', ['Edit(src)'], true],
    ['Write', 'src/a.ts', ['Write(src/**)'], true],
    ['Edit', 'src/a.ts', ['Write(src/**)'], false],
    ['Read', 'src/a.ts', ['Edit(src/**)'], false],
    ['Write', '../sibling/a', ['Edit(../sibling/**)'], true],
    ['Write', '~/x', ['Edit(**)'], false],
  ])('%s %s with %j: %s', (tool, path, list, expected) => expect(allowed(tool, file(path), list)).toBe(expected));

  test('NotebookEdit is held by its own field', () => {
    expect(allowed('NotebookEdit', { notebook_path: 'src/a.ipynb' }, ['Edit(src/**)'])).toBe(true);
    expect(allowed('NotebookEdit', { notebook_path: 'a.ipynb' }, ['Edit(src/**)'])).toBe(false);
  });
  test('a relative path starts where the shell of the agent stands', () => {
    expect(allowed('Write', file('a.ts'), ['Edit(src/**)'], undefined, '/work/repo/src')).toBe(true);
    expect(allowed('Write', file('src/a.ts'), ['Edit(src/**)'], undefined, '/tmp')).toBe(false);
  });
});

describe('a search is allowed where everything below it may be read', () => {
  test.each<[string, object, string[] | undefined, string[] | undefined, boolean]>([
    ['Grep', { pattern: 'x' }, ['Read(**)'], undefined, true],
    ['Grep', { pattern: 'x' }, ['Read(src/**)'], undefined, false],
    ['Grep', { pattern: 'x', path: 'src' }, ['Read(src/**)'], undefined, true],
    ['Grep', { pattern: 'x', path: '/etc' }, ['Read(**)'], undefined, false],
    ['Glob', { pattern: '**/*.ts', path: 'src' }, ['Read(src/**)'], undefined, true],
    ['Glob', { pattern: '/etc/*' }, ['Read(**)'], undefined, false],
    ['Glob', { pattern: '../**' }, ['Read(**)'], undefined, false],
    ['Glob', { pattern: '{/etc/*,x}' }, ['Read(**)'], undefined, false],
    ['Grep', { pattern: 'x', path: 'src' }, undefined, ['Read(secrets/**)'], true],
    ['Grep', { pattern: 'x', path: 'secrets/a' }, undefined, ['Read(secrets/**)'], false],
    ['Grep', { pattern: 'x' }, undefined, ['Read(secrets/**)'], false],
    ['Grep', { pattern: 'x', path: 'src' }, undefined, ['Read(.env)'], false],
    ['Grep', { pattern: 'x' }, undefined, ['Read(//root/**)'], true],
  ])('%s %j allow %j deny %j: %s', (tool, input, allow, deny, expected) => expect(allowed(tool, input, allow, deny)).toBe(expected));
});

describe('deny wins', () => {
  test.each<[string, object, string[] | undefined, string[], boolean]>([
    ['Bash', bash('ls'), ['Bash'], ['Bash'], false],
    ['Write', file('src/a.ts'), ['Edit(src/**)'], ['Edit(src/a.ts)'], false],
    ['Write', file('src/b.ts'), ['Edit(src/**)'], ['Edit(src/a.ts)'], true],
    ['Read', file('config/.env'), undefined, ['Read(.env)'], false],
    ['Read', file('docs/in/secret'), undefined, ['Read(src/**)'], false],
    ['Read', file('/home/user/.ssh/id'), undefined, ['Read(/home/user/**)'], false],
    ['Read', file('/home/user/.ssh/id'), undefined, ['Read(//home/user/**)'], false],
    ['Read', file('src/out/.ssh/id'), undefined, ['Read(//home/user/**)'], false],
    ['Read', file('~/.claude/x'), undefined, ['Read(~/.claude/**)'], false],
    ['mcp__linear__set', {}, undefined, ['mcp__linear'], false],
    ['WebFetch', { url: 'https://a.example.com' }, undefined, ['WebFetch(domain:example.com)'], false],
    ['SomethingNew', {}, undefined, ['SomethingNew(whatever)'], false],
    ['Agent', {}, undefined, ['Task'], false],
  ])('%s %j allow %j deny %j: %s', (tool, input, allow, deny, expected) => expect(allowed(tool, input, allow, deny)).toBe(expected));
});

describe('presets', () => {
  test.each<[string, string, object, boolean]>([
    ['readOnly', 'Read', file('a'), true],
    ['readOnly', 'Bash', bash('ls'), false],
    ['readOnly', 'Write', file('a'), false],
    ['safe', 'Write', file('a'), true],
    ['safe', 'Bash', bash('ls'), false],
    ['all', 'Bash', bash('ls'), true],
    ['*', 'Bash', bash('ls'), true],
  ])('%s: %s %j: %s', (preset, tool, input, expected) => expect(allowed(tool, input, [preset])).toBe(expected));
});

test('what is offered and what is never allowed follow the lists', () => {
  const options = { workingDirectory: work, home: '/home/agent', realPath: follow };
  const policy = toolPolicy({ ...options, allowedTools: ['Read(**)', 'Bash(git:*)', 'mcp__x'], disallowedTools: ['WebFetch', 'Edit(a)'] });
  expect(policy.offered).toEqual(['Read', 'Glob', 'Grep', 'Bash', 'ToolSearch', 'AskUserQuestion']);
  expect(policy.neverAllowed).toContain('WebFetch');
  expect(policy.neverAllowed).toContain('ExitPlanMode');
  expect(policy.neverAllowed).not.toContain('Edit');
  expect(toolPolicy(options).offered).toBeUndefined();
});

test('what runs commands beside the shell is held like the shell', () => {
  const monitor = (command: string, allow: string[]) => allowed('Monitor', { command }, allow);
  expect(monitor('git log', ['Bash(git:*)'])).toBe(true);
  expect(monitor('rm -rf .', ['Bash(git:*)'])).toBe(false);
  expect(monitor('rm -rf .', ['Read'])).toBe(false);
  expect(allowed('Monitor', { ws: { url: 'ws://x' } }, ['Bash(git:*)'])).toBe(false);
});

describe('where nothing is to be changed', () => {
  const policy = toolPolicy({ workingDirectory: work, home: '/home/agent', realPath: follow, readOnly: true });
  const may = (tool: string, input: object): boolean => policy.decide({ tool, input }).allowed;
  test.each<[string, object, boolean]>([
    ['Read', file('a'), true],
    ['Grep', { pattern: 'x' }, true],
    ['Bash', bash('git log'), true],
    ['Bash', bash('git log > a'), false],
    ['Bash', bash('touch a'), false],
    ['Monitor', bash('touch a'), false],
    ['AskUserQuestion', {}, true],
    ['Agent', {}, true],
    ['mcp__linear__get_issue', {}, true],
    ['Write', file('a'), false],
    ['Edit', file('a'), false],
    ['NotebookEdit', file('a'), false],
    ['Skill', {}, false],
    ['PowerShell', bash('x'), false],
    ['SomethingNew', {}, false],
  ])('%s %j: %s', (tool, input, expected) => expect(may(tool, input)).toBe(expected));
  test('an allow list narrows it further, and opens nothing', () => {
    const listed = toolPolicy({
      workingDirectory: work,
      home: '/home/agent',
      realPath: follow,
      readOnly: true,
      allowedTools: ['Edit(**)', 'Bash(ls:*)'],
    });
    expect(listed.decide({ tool: 'Edit', input: file('a') }).allowed).toBe(false);
    expect(listed.decide({ tool: 'Bash', input: bash('git log') }).allowed).toBe(false);
    expect(listed.decide({ tool: 'Bash', input: bash('ls') }).allowed).toBe(true);
    expect(policy.neverAllowed).toEqual(expect.arrayContaining(['Edit', 'Write', 'NotebookEdit', 'Monitor']));
  });
});

describe('where only some files may be changed', () => {
  const options = { workingDirectory: work, home: '/home/agent', realPath: follow, editable: ['**/*.md', 'docs/**'] };
  test.each<[string, object, boolean]>([
    ['Write', file('README.md'), true],
    ['Edit', file('packages/x/NOTES.md'), true],
    ['Write', file('docs/a.svg'), true],
    ['Write', file('docs/in/x.ts'), false],
    ['Write', file('escape/x.md'), false],
    ['Write', file('/etc/x.md'), false],
    ['Write', file('src/a.ts'), false],
    ['NotebookEdit', { notebook_path: 'a.ipynb' }, false],
    ['Read', file('src/a.ts'), true],
    ['Bash', bash('git commit -m x'), true],
  ])('%s %j: %s', (tool, input, expected) => expect(toolPolicy(options).decide({ tool, input }).allowed).toBe(expected));
});
