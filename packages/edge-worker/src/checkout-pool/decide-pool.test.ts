import { expect, test } from 'vitest';
import { decidePool, type PoolAction, type PoolState } from './decide-pool.ts';

const one = { name: 'one', baseSha: 'new' };
const old = { name: 'old', baseSha: 'old' };
const state = (some: Partial<PoolState>): PoolState => ({ wanted: 1, waiting: [], outdated: [], sha: 'new', ...some });

test.each<readonly [string, PoolState, PoolAction]>([
  ['makes the first one', state({}), { do: 'add' }],
  ['is content with what there is', state({ waiting: [one] }), { do: 'nothing' }],
  ['makes no more than wanted', state({ waiting: [one, one], wanted: 2 }), { do: 'nothing' }],
  ['brings one forward before another is made', state({ waiting: [old], wanted: 2 }), { do: 'forward', waiting: old }],
  ['gives up what is too much', state({ waiting: [one, old] }), { do: 'drop', waiting: old }],
  ['gives up everything where none is wanted', state({ waiting: [one], wanted: 0 }), { do: 'drop', waiting: one }],
  ['gives up what nobody can have', state({ waiting: [one, old], outdated: [old], wanted: 2 }), { do: 'drop', waiting: old }],
  ['waits for a repository without commits', state({ sha: undefined }), { do: 'nothing' }],
])('%s', (_, given, expected) => expect(decidePool(given)).toEqual(expected));
