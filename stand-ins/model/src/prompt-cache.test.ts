import { expect, test } from 'vitest';
import type { MessagesRequest } from './conversation.ts';
import { promptCache } from './prompt-cache.ts';

const long = (letter: string): string => letter.repeat(8000);
const marked = { cache_control: { type: 'ephemeral' } };
const request = (system: string, messages: readonly object[], more: object = {}): MessagesRequest =>
  ({ model: 'm', max_tokens: 1, system: [{ type: 'text', text: system, ...marked }], messages, ...more }) as unknown as MessagesRequest;
const user = (text: string, more: object = {}): object => ({ role: 'user', content: [{ type: 'text', text, ...more }] });

test('the first request writes, the next one reads the common prefix', () => {
  let now = 0;
  const cache = promptCache(() => now);
  const first = cache.account(request(long('s'), [user(long('a'), marked)]));
  expect(first.read).toBe(0);
  expect(first.written).toBeGreaterThan(4000);
  expect(first.fresh).toBe(0);
  // The same block, unmarked and as a plain text, is the same prefix.
  const second = cache.account(request(long('s'), [{ role: 'user', content: long('a') }, user('more', marked)]));
  expect(second.read).toBe(first.written);
  expect(second.written).toBeLessThan(50);
  const other = cache.account(request(long('s'), [user(long('b'), marked)]));
  expect(other.read).toBeGreaterThan(2000);
  expect(other.read).toBeLessThan(first.written);
  now = 5 * 60_000;
  expect(cache.account(request(long('s'), [user(long('a'), marked)])).read).toBe(0);
});

test('what changes in front of it takes everything behind along', () => {
  const cache = promptCache(() => 0);
  cache.account(request(long('s'), [user(long('a'), marked)]));
  expect(cache.account(request(`x${long('s')}`, [user(long('a'), marked)])).read).toBe(0);
  expect(cache.account(request(long('s'), [user(long('a'), marked)], { tools: [{ name: 't' }] })).read).toBe(0);
  expect(cache.account({ ...request(long('s'), [user(long('a'), marked)]), model: 'n' }).read).toBe(0);
});

test('without marks, and below the least length, nothing is kept', () => {
  const cache = promptCache(() => 0);
  const bare = { ...request(long('s'), [user(long('a'))]), system: long('s') };
  for (let time = 0; time < 2; time++) expect(cache.account(bare)).toMatchObject({ read: 0, written: 0 });
  for (let time = 0; time < 2; time++) expect(cache.account(request('s', [user('a', marked)]))).toMatchObject({ read: 0, written: 0 });
});

test('an earlier breakpoint more than twenty blocks back is not found', () => {
  const cache = promptCache(() => 0);
  cache.account(request(long('s'), [user(long('a'), marked)]));
  const later = (count: number) => [user(long('a')), ...Array.from({ length: count }, (_, n) => user(`m${n}`)), user('end', marked)];
  const near = cache.account(request(long('s'), later(18))).read;
  const far = promptCache(() => 0);
  far.account(request(long('s'), [user(long('a'), marked)]));
  expect(far.account(request(long('s'), later(30))).read).toBeLessThan(near);
});
