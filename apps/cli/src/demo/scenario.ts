/** The small repository of the demo: real code with a real defect and a test that shows it. */
export const files: Readonly<Record<string, string>> = {
  'package.json': `${JSON.stringify({ name: 'greeter', version: '1.0.0', private: true, type: 'module', scripts: { test: 'node --test' } }, null, 2)}\n`,
  'README.md': '# greeter\n\nGreets people by name.\n',
  'src/greet.js': 'export function greet(name) {\n  return `Hello, ${name}!`;\n}\n',
  'test/greet.test.js': `import assert from 'node:assert/strict';
import { test } from 'node:test';
import { greet } from '../src/greet.js';

test('greets by name', () => assert.equal(greet('Ada'), 'Hello, Ada!'));
test('ignores spaces around the name', () => assert.equal(greet('  Ada '), 'Hello, Ada!'));
`,
};

export const issue: { readonly title: string; readonly description: string; readonly labels: readonly string[] } = {
  title: 'Names with spaces around them are greeted wrongly',
  description: 'greet("  Ada ") says "Hello,   Ada !". It should say "Hello, Ada!". The test in test/greet.test.js shows it.',
  labels: ['Bug'],
};

/** What the model answers. Everything the agent does with it is real: the commands run, the files change, git commits. */
export const modelSteps: readonly object[] = [
  { text: 'I will reproduce the defect first.', tool: 'Bash', input: { command: 'node --test', description: 'Run the tests' } },
  { tool: 'Read', input: { file_path: '{{cwd}}/src/greet.js' } },
  {
    text: 'The name is used as given. I will trim it where it is used.',
    tool: 'Edit',
    input: {
      file_path: '{{cwd}}/src/greet.js',
      old_string: '  return `Hello, ${name}!`;',
      new_string: '  return `Hello, ${name.trim()}!`;',
    },
  },
  { tool: 'Bash', input: { command: 'node --test', description: 'Run the tests again' } },
  {
    tool: 'Bash',
    input: {
      command: 'git add -A && git commit -q -m "Greet people without the spaces around their names"',
      description: 'Commit the fix',
    },
  },
  { text: 'Fixed. `greet` used the name as given; it now trims it, so spaces around a name no longer show. Both tests pass.' },
];
