import { expect, test } from 'vitest';
import { describeTool } from './describe-tool.ts';

test.each([
  ['Bash', { command: 'npm  test' }, 'Running npm test'],
  ['Edit', { file_path: '/home/x/checkouts/task/app/src/a.ts' }, 'Editing src/a.ts'],
  ['Grep', { pattern: 'todo' }, 'Searching todo'],
  ['WebFetch', { url: 'https://example.com' }, 'WebFetch https://example.com'],
  ['RunCommand', { command: 'make' }, 'RunCommand make'],
  ['ViewFile', { path: 'src/b.ts' }, 'ViewFile src/b.ts'],
  ['Think', { depth: 3 }, 'Think …'],
  ['Think', null, 'Think …'],
])('%s', (name, input, expected) => {
  const { tool, about } = describeTool(name, input);
  expect(`${tool} ${about}`).toBe(expected);
});
