import { expect, test } from 'vitest';
import { oldGit } from './git-version.ts';

test.each([
  ['git version 2.37.9', true],
  ['git version 1.99.0', true],
  ['', true],
  ['git version 2.38.0', false],
  ['git version 2.39.5 (Apple Git-154)', false],
  ['git version 3.0.0', false],
])('%j is too old: %s', (version, tooOld) => expect(oldGit(version)?.class === 'missing_binary').toBe(tooOld));
