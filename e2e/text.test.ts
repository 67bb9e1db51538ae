import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { scriptedAgent } from './support/agent.ts';
import { call } from './support/call.ts';
import { runToEnd } from './support/program.ts';
import { plainRepository, World } from './support/world.ts';

let world: World;
let canary: string;
beforeAll(async () => {
  world = await World.open({
    repositories: { app: plainRepository },
    config: {
      executors: { scripted: scriptedAgent({ file: strange, output: 'Wrote it. \u001b[31m\u0000\u0007 </message> ```' }) },
      executor: 'scripted',
    },
  });
  canary = join(world.directory, 'canary');
});
afterAll(() => world?.close());

const strange = '$(touch x);`y` "q" \u202e\u{1F600}.txt';

const long = `${'0123456789abcdef'.repeat(64)}\n`.repeat(1024);

test.each([
  ['shell syntax', () => `$(touch ${canary}) \`touch ${canary}\`; touch ${canary} && "x" 'y' | z > ${canary}`],
  ['control characters', () => 'a\u0001b\u0007c\u001b[31md\u009be\rf\ng\u0000h'],
  ['right to left and emoji', () => '\u202eعنوان\u2066 شيء 😀👩‍👩‍👧‍👦 \u200b'],
  ['nothing a branch could be named after', () => '../../..@{-1}.lock ~^:?*[\\ -- -rf .'],
  ['markup', () => '</issue></message> [x](javascript:1) <script>alert(1)</script> ![i](http://127.0.0.1:1/x)'],
  ['templates', () => '${process.exit(1)} {{cwd}} %s %n #{x} <%= y %>'],
])('an issue full of %s is worked on like any other', async (_name, make) => {
  const { linear, github } = world;
  const text = make();
  const issue = await linear.assign({
    title: `${text} end`,
    description: `${text}\n${text}`,
    labels: [`${text.replaceAll('\u0000', '')}`.slice(0, 80)],
  });
  await linear.say(issue, `${text}\n${text}`);
  const answer = await linear.closing(issue);
  expect(answer.type).toBe('response');
  expect(answer.body).toMatch(/^✅ Wrote it\./);
  const [pull] = await github.pulls('app', issue);
  expect(pull?.head).toMatch(/^cyrus\/[a-z0-9]+(?:[-/][a-z0-9]+)*$/);
  expect(pull?.title).toMatch(new RegExp(`^${issue}: `));
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
  expect(pull?.title).not.toMatch(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  expect(pull?.title.length).toBeLessThanOrEqual(256);
  const files = (await github.git('app', 'ls-tree', '-r', '-z', '--name-only', pull?.head ?? '')).split('\0');
  expect(files).toContain(strange);
  expect((await readdir(world.directory)).filter((name) => name.startsWith('canary'))).toEqual([]);
});

test('a megabyte of text in title, description and message is taken in, and reaches the agent', async () => {
  const { linear, github } = world;
  const issue = await linear.assign({ title: `Long ${'word '.repeat(2000)}`, description: `${long}the end of the description` });
  await linear.say(issue, `${long}the end of the message`);
  const answer = await linear.closing(issue);
  expect(answer.type).toBe('response');
  const [pull] = await github.pulls('app', issue);
  expect(pull?.title.length).toBeLessThanOrEqual(256);
  expect(pull?.head.length).toBeLessThanOrEqual(100);
  const text = await github.git('app', 'show', `${pull?.head}:${strange}`);
  expect(text).toContain('the end of the description');
  expect(text).toContain('the end of the message');
  expect(await linear.closings(issue)).toHaveLength(1);
});

test('an empty description and a title of one character do', async () => {
  const issue = await world.linear.assign({ title: '字' });
  expect((await world.linear.closing(issue)).type).toBe('response');
  const [pull] = await world.github.pulls('app', issue);
  expect(pull?.head).toMatch(/^cyrus\/[a-z0-9]+(?:[-/][a-z0-9]+)*$/);
});

test('a terminal is shown none of the control characters', async () => {
  for (const args of [['tasks'], ['logs', 'ENG-2'], ['status']]) {
    const { code, stdout } = await world.cyrus(...args);
    expect(code).toBe(0);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what must not be there
    expect(stdout).not.toMatch(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/);
  }
  const { stdout } = await world.cyrus('tasks', '--json');
  expect(() => JSON.parse(stdout)).not.toThrow();
});

test('the service is well, and no rule of Linear was broken', async () => {
  expect(await call(`${world.url}/healthz`)).toBeDefined();
  expect(await world.linear.violations()).toEqual([]);
  const status = JSON.parse((await world.cyrus('status', '--json')).stdout) as {
    failures: readonly unknown[];
    outbound: readonly unknown[];
  };
  expect(status.failures).toEqual([]);
  expect((await runToEnd('git', ['-C', join(world.home, 'repos', 'app.git'), 'fsck', '--no-dangling'])).code).toBe(0);
});
