import { expect, test } from 'vitest';
import { gitFailure } from './git-failure.ts';

test.each([
  ['a helper that was killed', 'error: git-remote-http died of signal 9\nfatal: the remote end hung up unexpectedly', 'sandbox_lost'],
  ['a line that broke', 'fatal: the remote end hung up unexpectedly', 'network'],
  ['a token that is not taken', "fatal: Authentication failed for 'https://github.com/a/b.git/'", 'auth'],
  ['a full disk', 'fatal: write error: No space left on device', 'setup_failed'],
])('%s', (_name, said, expected) => expect(gitFailure('push it', said).class).toBe(expected));
