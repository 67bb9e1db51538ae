import { expect, test } from 'vitest';
import type { PullRequest } from './code-host.ts';
import { choosePullRequest } from './pull-requests.ts';

const pull = (number: number, state: PullRequest['state'], planId?: string): PullRequest => ({
  number,
  url: '',
  title: '',
  body: '',
  state,
  draft: false,
  head: 'feat',
  headSha: '',
  base: 'main',
  ...(planId === undefined ? {} : { planId }),
});

test.each([
  ['nothing', [], undefined],
  ['the open one before a newer closed one', [pull(3, 'closed', 'p'), pull(2, 'open', 'p')], 2],
  ['the merged one of the plan: it is not opened again', [pull(2, 'merged', 'p')], 2],
  ['the closed one of the plan before a newer one without a marker', [pull(3, 'closed'), pull(2, 'closed', 'p')], 2],
  ['a closed one whose marker a person removed', [pull(2, 'closed')], 2],
  ['not the closed one of an earlier plan on the same branch', [pull(2, 'merged', 'earlier')], undefined],
  ['an open one of another plan: the host allows no second', [pull(2, 'open', 'other')], 2],
  ['ours of two open ones against different bases', [pull(3, 'open', 'other'), pull(2, 'open', 'p')], 2],
  ['the newest of several', [pull(3, 'closed', 'p'), pull(2, 'closed', 'p')], 3],
] as const)('%s', (_name, found, expected) => expect(choosePullRequest(found, 'p')?.number).toBe(expected));
