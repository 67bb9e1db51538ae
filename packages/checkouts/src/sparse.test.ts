import { expect, test } from 'vitest';
import { conePatterns } from './sparse.ts';

test('directories with all that is in them, and the files beside and above them', () => {
  expect(conePatterns(['packages/app', 'docs', 'packages/app/src', 'packages/lib/core'])).toBe(
    [
      '/*',
      '!/*/',
      '/docs/',
      '/packages/',
      '!/packages/*/',
      '/packages/app/',
      '/packages/lib/',
      '!/packages/lib/*/',
      '/packages/lib/core/',
      '',
    ].join('\n'),
  );
});
