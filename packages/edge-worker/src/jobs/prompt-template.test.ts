import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { homeTemplate, templateFailure } from './prompt-template.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cyrus-prompts-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

test('a template of the home is found by the name of its procedure', async () => {
  await writeFile(join(directory, 'scoper.md'), 'Look closely.');
  expect(await homeTemplate(directory, 'scoper')).toEqual({ text: 'Look closely.', from: join(directory, 'scoper.md') });
  expect(await homeTemplate(directory, 'builder')).toBeUndefined();
  expect(await homeTemplate(join(directory, 'none'), 'builder')).toBeUndefined();
  expect(await homeTemplate(join(directory, 'scoper.md'), 'builder')).toBeUndefined();
});

test('one that cannot be read is a failure that names it', async () => {
  await mkdir(join(directory, 'builder.md'));
  await expect(homeTemplate(directory, 'builder')).rejects.toThrow(`The prompt ${join(directory, 'builder.md')} cannot be read`);
});

test.each([
  ['a good one', 'Work on {{issue.title}}.', undefined],
  ['an empty one', ' \n', 'The prompt x.md has a mistake: line 1: it is empty.'],
  [
    'one with a mistake',
    'a\n{{issue.titel}}',
    expect.stringMatching(/^The prompt x\.md has a mistake: line 2: unknown variable "issue\.titel".*Allowed: procedure/),
  ],
  [
    'what is allowed is said once',
    '{{a1}}\n{{b1}}',
    expect.stringMatching(/^The prompt x\.md has 2 mistakes: line 1: .*Allowed: [^;]*; line 2: unknown variable "b1"\.$/),
  ],
])('%s', (_name, text, message) => expect(templateFailure({ text, from: 'x.md' })?.message).toEqual(message));
