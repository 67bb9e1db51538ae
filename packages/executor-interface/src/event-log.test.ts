import { expect, test } from 'vitest';
import { eventLog } from './event-log.ts';
import type { ExecutionEvent } from './executor.ts';

const message = (content: string): ExecutionEvent => ({ type: 'message', content });
const complete: ExecutionEvent = { type: 'complete', result: { state: 'succeeded', output: '' } };

async function all(events: AsyncIterable<ExecutionEvent>): Promise<ExecutionEvent[]> {
  const read: ExecutionEvent[] = [];
  for await (const event of events) read.push(event);
  return read;
}

test('a reader gets what came before it and what comes after, to the end', async () => {
  const log = eventLog();
  log.push(message('a'));
  const reading = all(log.read());
  log.push(message('b'));
  await Promise.resolve();
  log.push(complete);
  expect(await reading).toEqual([message('a'), message('b'), complete]);
  expect(await log.done).toEqual({ state: 'succeeded', output: '' });
});

test('nothing comes after complete, not even another', async () => {
  const log = eventLog();
  log.push(complete);
  log.push(message('late'));
  log.push({ type: 'complete', result: { state: 'failed', output: '' } });
  expect(await all(log.read())).toEqual([complete]);
  expect(log.ended?.state).toBe('succeeded');
});

test('a cursor skips what was read; two readers do not disturb each other', async () => {
  const log = eventLog();
  for (const content of ['a', 'b', 'c']) log.push(message(content));
  const [first, second] = [all(log.read()), all(log.read('2'))];
  log.push(complete);
  expect(await first).toHaveLength(4);
  expect(await second).toEqual([message('c'), complete]);
});

test('once read to the end only complete is kept', async () => {
  const log = eventLog();
  log.push(message('a'));
  log.push(complete);
  await all(log.read());
  expect(await all(log.read())).toEqual([complete]);
  expect(await all(log.read('2'))).toEqual([]);
});
