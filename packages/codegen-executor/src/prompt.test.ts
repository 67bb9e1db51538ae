import type { ExecutionRequest } from 'cyrus-executor-interface/executor';
import { describe, expect, test } from 'vitest';
import { codegenPrompt } from './prompt.ts';

const key = { attemptId: 'a1', number: 2 };
const request = (more: Partial<ExecutionRequest> = {}): ExecutionRequest => ({
  prompt: '<issue id="ENG-1">\nAdd a health page\n\nIt says ok.\n</issue>',
  systemContext: 'Rules:\n- Push that branch.',
  conversation: { id: 'c', resume: false, directory: '' },
  workingDirectory: '',
  readable: [],
  timeoutMs: 3_600_000,
  remote: {
    repositoryUrl: 'https://github.com/acme/app.git',
    repositoryName: 'acme/app',
    startBranch: 'cyrus/base',
    startSha: 'a'.repeat(40),
    baseBranch: 'main',
    pushBranch: 'cyrus/eng-1',
  },
  ...more,
});
const sections = (text: string): readonly string[] => text.split('\n').filter((line) => /^#{1,2} /.test(line));
const every = ['# Task', '## Repository Context', '## Instructions', '## Acceptance Criteria', '## Constraints', '## Success Criteria'];

test('the whole prompt of a builder', () => {
  expect(codegenPrompt(request({ disallowedTools: ['Bash(rm:*)'], maxTurns: 30 }), key, { mcpServers: true })).toMatchInlineSnapshot(`
    "# Task

    <issue id="ENG-1">
    Add a health page

    It says ok.
    </issue>

    ## Repository Context

    - Repository: acme/app
    - Base Branch: \`main\`
    - Start Branch: \`cyrus/base\` (its head is aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa; begin there, whatever the default branch is)
    - Push Branch: \`cyrus/eng-1\`
    - Attempt: a1.2

    ## Instructions

    Rules:
    - Push that branch.

    ## Acceptance Criteria

    As the task above says.

    ## Constraints

    - Do not use: Bash(rm:*)
    - Take at most 30 steps
    - Be done within 60 minutes
    - Write no secret into files, commits or messages

    ## Success Criteria

    - The tests of the repository pass, those for this change among them.
    - Everything is committed and pushed to \`cyrus/eng-1\`.
    - One pull request of \`cyrus/eng-1\` against \`main\` is open, as a draft where that is possible. It only shows the work: do not merge it.
    - Your final answer says in a few sentences what was done and why.
    "
  `);
});

test('every section is there, in its order, whatever is absent', () => {
  const { remote: _, systemContext: __, ...bare } = request();
  for (const one of [request(), bare, request({ readOnly: true }), request({ prompt: '' })])
    expect(sections(codegenPrompt(one, key, { mcpServers: true }))).toEqual(every);
  expect(codegenPrompt(bare, key, { mcpServers: true })).not.toMatch(/undefined|false|null/);
});

test('a scoper is to change nothing and to open nothing', () => {
  const text = codegenPrompt(request({ readOnly: true }), key, { mcpServers: true });
  expect(text).toContain('Change no file, push nothing, open no pull request');
  expect(text).not.toContain('Push Branch');
  expect(text).not.toContain('pull request of');
});

test('MCP servers of the organisation are used unless that is switched off', () => {
  expect(codegenPrompt(request(), key, { mcpServers: true })).not.toContain('MCP');
  expect(codegenPrompt(request(), key, { mcpServers: false })).toContain('- Use no MCP server');
});

test('what people write is neither expanded nor lost', () => {
  const text = codegenPrompt(request({ prompt: 'Use {{task}} and {{nothing}} and $& and $1' }), key, { mcpServers: true });
  expect(text).toContain('# Task\n\nUse {{task}} and {{nothing}} and $& and $1\n');
});

describe('acceptance criteria', () => {
  /** What stands in our section: the last of that name. */
  const criteria = (prompt: string): string => {
    const section = codegenPrompt(request({ prompt }), key, { mcpServers: true }).split('\n## Acceptance Criteria\n\n').at(-1) ?? '';
    return section.slice(0, section.indexOf('\n\n## Constraints'));
  };
  test.each([
    ['a heading', 'Title\n\n## Acceptance Criteria\n\n- one\n- two\n\n## Notes\nx', '- one\n- two'],
    ['bold words', 'Title\n**Definition of done:**\n- one\n**Notes**\nx', '- one'],
    ['Russian', 'Задача\n### Критерии приёмки\n- раз\n- два', '- раз\n- два'],
    ['the end of the issue', '<issue>\nTitle\n# Acceptance criteria\n- one\n</issue>\n<comment>x</comment>', '- one'],
    ['none', 'Title\n\nAcceptance criteria are nice to have.', 'As the task above says.'],
    ['an empty section', '## Acceptance Criteria\n\n## Notes', 'As the task above says.'],
  ])('%s', (_name, prompt, expected) => {
    expect(criteria(prompt)).toBe(expected);
  });
});
