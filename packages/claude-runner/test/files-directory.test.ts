/** Files that people uploaded lie outside of the working directory; the agent's Read tool shows them, whatever its list says of paths. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from 'cyrus-core/clock';
import type { ExecutionEvent } from 'cyrus-executor-interface/executor';
import { createSandbox } from 'cyrus-sandbox/sandbox';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ClaudeHarness, claudeHarness, scripted } from './harness.ts';

const png = Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64');
let harness: ClaudeHarness;
let directory: string;
beforeAll(async () => {
  harness = await claudeHarness(createSandbox({ isolation: 'none', clock: systemClock }));
  directory = await mkdtemp(join(tmpdir(), 'cyrus-claude-files-'));
  for (const name of ['work', 'files', 'other']) await mkdir(join(directory, name));
  for (const name of ['files', 'other']) await writeFile(join(directory, name, 'note.txt'), `a note in ${name}`);
  await writeFile(join(directory, 'files', 'door.png'), png);
});
afterAll(async () => {
  await harness.close();
  await rm(directory, { recursive: true, force: true });
});

test('text and images in there are read, others are not, and nothing in there is written', async () => {
  const at = (path: string): string => join(directory, path);
  const read = (path: string): object => ({ tool: 'Read', input: { file_path: at(path) } });
  const edit = { tool: 'Write', input: { file_path: at('files/mine.txt'), content: 'x' } };
  const ref = await harness.executor.start(
    {
      prompt: scripted([read('files/note.txt'), read('files/door.png'), read('other/note.txt'), edit, { text: 'End.' }]),
      conversation: { id: randomUUID(), resume: false, directory: at('conversation') },
      workingDirectory: at('work'),
      readable: [at('files')],
      filesDirectory: at('files'),
      allowedTools: ['Read(**)', 'Edit(**)'],
      timeoutMs: 60_000,
    },
    { attemptId: randomUUID(), number: 1 },
  );
  const events: ExecutionEvent[] = [];
  for await (const event of harness.executor.attach(ref)) events.push(event);
  const results = events.flatMap((event) => (event.type === 'tool-result' ? [event] : []));
  expect(results.map((one) => one.isError)).toEqual([false, false, true, true]);
  expect(results[0]?.output).toContain('a note in files');
});
