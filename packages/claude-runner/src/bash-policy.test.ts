import { describe, expect, test } from 'vitest';
import { toolPolicy } from './tool-policy.ts';

const identity = (path: string): string => path;

function allowed(command: string, allowedTools?: string[], disallowedTools?: string[]): boolean {
  const policy = toolPolicy({ allowedTools, disallowedTools, workingDirectory: '/work/repo', home: '/home/agent', realPath: identity });
  return policy.decide({ tool: 'Bash', input: { command } }).allowed;
}

describe('with Bash(git:*) each command of a line must be git', () => {
  test.each([
    'git status',
    'git',
    'git commit -m "a; b && c | d"',
    "git commit -m 'it $(costs) `nothing`'",
    'git add -A && git commit -m x; git log | git shortlog',
    'git log 2>&1',
    'git log > /dev/null',
    'git log 2>/dev/null || git status',
    'git commit -m "$(cat <<\'EOF\'\nA subject; rm -rf /\n\nA body with $(tricks)\nEOF\n)"',
    'git show "$(git rev-parse HEAD)"',
    'cd src && git status',
    '(git status)',
    'if git diff --quiet; then git status; fi',
    'for f in a b; do git add "$f"; done',
    'git log # a comment; rm x',
    'git \\\n  status',
    'LANG=C git status',
    'g"i"t status',
  ])('allowed: %s', (command) => expect(allowed(command, ['Bash(git:*)'])).toBe(true));

  test.each([
    'ls',
    'gitk',
    'git status && ls',
    'git status; touch x',
    'git status | tee x',
    'git status & touch x',
    'git status\ntouch x',
    'git log "$(touch x)"',
    'git log `touch x`',
    'git log "`touch x`"',
    'git log <(touch x)',
    'git log > src/out.txt',
    'git log >> /etc/passwd',
    'git log &> out',
    'git log >| out',
    'git log > "$TARGET"',
    'echo $(git status)',
    '$GIT status',
    '/usr/bin/git status',
    './git status',
    'GIT_SSH_COMMAND=evil git fetch',
    'PATH=. git status',
    'env git status',
    'bash -c "git status"',
    'eval git status',
    'git status $((1+1))',
    "git status $'x'",
    'git() { touch x; }; git status',
    'case x in x) touch x;; esac',
    'git status "unterminated',
    'git status $(unterminated',
    'git status <<EOF\n$(touch x)\nEOF',
    'cat <<EOF\nx\nEOF',
    'cd / && git status',
    'cd "$DIR" && git status',
    'git log < /etc/passwd',
    '{ git status; touch x; }',
    '! touch x',
    'time touch x',
    'while true; do touch x; done',
    'git status \\; touch x && touch y',
    `git log $\{X:-$(touch x)}`,
    '[[ -f x ]] && git status',
  ])('refused: %s', (command) => expect(allowed(command, ['Bash(git:*)'])).toBe(false));
});

describe('the forms of a rule', () => {
  test.each<[string, string, boolean]>([
    ['Bash(npm run test:*)', 'npm run test', true],
    ['Bash(npm run test:*)', 'npm run test -- --watch=false', true],
    ['Bash(npm run test:*)', 'npm run testing', false],
    ['Bash(git *)', 'git status', true],
    ['Bash(git *)', 'gitk', false],
    ['Bash(npm test)', 'npm test', true],
    ['Bash(npm test)', 'npm test --x', false],
    ['Bash(git * main)', 'git push origin main', true],
    ['Bash(git * main)', 'git push origin dev', false],
    ['Bash(* --version)', 'node --version', true],
    ['Bash(npm test, now)', 'npm test, now', true],
    ['Bash(a.b)', 'axb', false],
  ])('%s and %s: %s', (rule, command, expected) => expect(allowed(command, [rule])).toBe(expected));

  test('several rules together hold a compound command', () => {
    expect(allowed('npm ci && npm test | tee log', ['Bash(npm:*)', 'Bash(tee:*)'])).toBe(true);
  });
  test('a redirection goes where Edit rules allow', () => {
    expect(allowed('git log > src/log.txt', ['Bash(git:*)', 'Edit(src/**)'])).toBe(true);
    expect(allowed('git log > log.txt', ['Bash(git:*)', 'Edit(src/**)'])).toBe(false);
    expect(allowed('cd /work/repo && git log > src/log.txt', ['Bash(git:*)', 'Edit(src/**)'])).toBe(false);
    expect(allowed('git apply < src/a.patch', ['Bash(git:*)', 'Read(src/**)'])).toBe(true);
  });
});

describe('with Bash(git push:*) denied nothing that may be a push runs', () => {
  test.each([
    'git push',
    'git status && git push origin main',
    'git -C /elsewhere push',
    'git -c a=b push',
    '/usr/bin/git push',
    'echo "$(git push)"',
    'env X=1 git push',
    'timeout 5 git push',
    'xargs git push',
    'bash -c "git push"',
    "sh -c 'cd x; git push'",
    'eval "git push"',
    '$CMD push',
    'bash script-unknown-$X',
    'X=1 git push',
    'gi\\t push',
    'if true; then git push; fi',
    'git push "unterminated',
  ])('refused: %s', (command) => expect(allowed(command, undefined, ['Bash(git push:*)'])).toBe(false));

  test.each([
    'git status',
    'git pushy',
    'npm test && git commit -m "git push"',
    'bash -c "git status"',
    'echo $HOME',
    'node -e "x()"',
    'X=$(date) npm test',
  ])('allowed: %s', (command) => expect(allowed(command, undefined, ['Bash(git push:*)'])).toBe(true));

  test('deny wins over allow', () => {
    expect(allowed('git push', ['Bash'], ['Bash(git push:*)'])).toBe(false);
    expect(allowed('git push', ['Bash(git:*)'], ['Bash(git push:*)'])).toBe(false);
    expect(allowed('git pull', ['Bash(git:*)'], ['Bash(git push:*)'])).toBe(true);
  });
});
