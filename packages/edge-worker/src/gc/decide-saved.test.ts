import type { SavedWork } from 'cyrus-checkouts/saved-work';
import { expect, test } from 'vitest';
import { decideSaved, type SavedFacts } from './decide-saved.ts';

const day = 86_400_000;
const now = 1_000 * day;
const work = (some: Partial<SavedWork>): SavedWork => ({
  ref: 'refs/cyrus/wip/a',
  sha: '1'.repeat(40),
  name: 'a',
  onRemote: false,
  committedAt: now - 500 * day,
  ...some,
});
const facts = (some: Partial<SavedFacts> = {}): SavedFacts => ({
  now,
  liveIds: new Set(),
  liveShas: new Set(),
  ends: new Map([['a', now - 20 * day]]),
  keepWipDays: 14,
  keepUnpushedDays: 90,
  ...some,
});

test.each<readonly [string, SavedWork, SavedFacts, boolean]>([
  ['pushed and long over', work({ onRemote: true }), facts(), true],
  ['pushed and over lately', work({ onRemote: true }), facts({ keepWipDays: 30 }), false],
  ['not pushed', work({}), facts(), false],
  ['not pushed, and older than that is kept', work({}), facts({ ends: new Map([['a', now - 91 * day]]) }), true],
  ['its task is under way', work({ onRemote: true }), facts({ liveIds: new Set(['a']) }), false],
  ['the removed checkout of a task under way', work({ name: 'a-removed' }), facts({ liveIds: new Set(['a']), ends: new Map() }), false],
  ['a plan builds on it', work({ onRemote: true }), facts({ liveShas: new Set(['1'.repeat(40)]) }), false],
  ['nobody knows it, and it is young', work({ name: 'x', committedAt: now - day }), facts(), false],
  ['nobody knows it, and it is old', work({ name: 'x' }), facts(), true],
])('%s', (_, saved, given, goes) => expect(decideSaved(saved, given) !== undefined).toBe(goes));
