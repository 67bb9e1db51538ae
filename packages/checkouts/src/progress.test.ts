import { expect, test } from 'vitest';
import { type GitProgress, progressReader } from './progress.ts';

test('progress is taken out of what git says, however it is cut; the rest is given', () => {
  const seen: GitProgress[] = [];
  const read = progressReader((progress) => seen.push(progress));
  const said =
    'remote: Counting objects: 100% (5/5), done.\nReceiving objects:  40% (400/1000), 12.30 MiB | 2.00 MiB/s\rReceiving objects: 100% (1000/1000), 1.20 GiB | 2 MiB/s, done.\nfatal: early EOF\nResolving deltas:   7% (1/14)\r';
  const rest = [...said].map(read).join('');
  expect(rest).toBe('fatal: early EOF\n');
  expect(seen).toEqual([
    { phase: 'Counting objects', percent: 100 },
    { phase: 'Receiving objects', percent: 40, received: '12.30 MiB' },
    { phase: 'Receiving objects', percent: 100, received: '1.20 GiB' },
    { phase: 'Resolving deltas', percent: 7 },
  ]);
});
