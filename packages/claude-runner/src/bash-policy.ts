import { basename } from 'node:path';
import { type Redirect, readShell, type SimpleCommand } from './shell-commands.ts';
import type { ToolRule } from './tool-rule.ts';

export interface BashQuestion {
  readonly command: string;
  /** Rules that name `Bash`. `allow` undefined: there is no allow list at all. */
  readonly allow: readonly ToolRule[] | undefined;
  readonly deny: readonly ToolRule[];
  /** Whether a redirection or a `cd` may touch this path: undefined when it may, else why not. */
  readonly path: (kind: 'read' | 'write' | 'enter', path: string) => string | undefined;
}

/** Undefined when the command may run, else why not. A compound command runs only if each of its commands may. */
export function refuseBash({ command, allow, deny, path }: BashQuestion): string | undefined {
  const restricted = allow?.every((rule) => rule.specifier !== undefined) ?? false;
  const whole = deny.find((rule) => rule.specifier === undefined);
  if (whole) return `denied by ${whole.text}`;
  if (!restricted && deny.length === 0) return undefined;
  const reading = readShell(command);
  if (!reading.ok) return `it cannot be proven allowed (${reading.why}); use simple commands`;
  for (const simple of reading.commands) {
    const why = refuseByDeny(simple, deny, 0) ?? (restricted ? refuseByAllow(simple, allow ?? [], path) : undefined);
    if (why) return why;
  }
  return undefined;
}

function refuseByAllow(command: SimpleCommand, allow: readonly ToolRule[], path: BashQuestion['path']): string | undefined {
  const risky = command.assignments.find((assignment) => !harmlessVariable.test(assignment));
  if (risky !== undefined) return `it sets ${risky.split('=')[0]} for a command`;
  const redirect = command.redirects.map((one) => refuseRedirect(one, path)).find((why) => why !== undefined);
  if (redirect) return redirect;
  if (command.words.length === 0 || isHereDocumentText(command)) return undefined;
  const [name, target] = command.words;
  if (name?.dynamic) return `the name of a command in it is only known when it runs (${name.text}…)`;
  if (name?.text === 'cd' && command.words.length === 2 && target && !target.dynamic) return path('enter', target.text);
  const text = textOf(command);
  return allow.some((rule) => matchesCommand(rule.specifier ?? '*', text))
    ? undefined
    : `"${text.slice(0, 80)}" is not among ${allow.map((rule) => rule.text).join(', ')}`;
}

/** Variables that change how output looks and nothing else. */
const harmlessVariable = /^(?:LANG|LC_[A-Z]+|TZ|CI|NO_COLOR|FORCE_COLOR|NODE_ENV)=/;

/** `"$(cat <<'EOF' … EOF)"`: how a longer commit message is written; it runs nothing. */
const isHereDocumentText = (command: SimpleCommand): boolean =>
  command.substituted &&
  command.hereDocument &&
  command.words.length === 1 &&
  command.words[0]?.text === 'cat' &&
  command.redirects.length === 0;

function refuseRedirect({ kind, target }: Redirect, path: BashQuestion['path']): string | undefined {
  if (target.dynamic) return `it redirects to a path that is only known when it runs (${target.text}…)`;
  return target.text === '/dev/null' ? undefined : path(kind, target.text);
}

/** Commands that run the command given to them as arguments. */
const wrappers = new Set([
  'env',
  'command',
  'exec',
  'nohup',
  'nice',
  'timeout',
  'stdbuf',
  'setsid',
  'sudo',
  'xargs',
  'time',
  'builtin',
  'ionice',
  'chroot',
  'watch',
]);
const shells = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh']);

function refuseByDeny(command: SimpleCommand, deny: readonly ToolRule[], depth: number): string | undefined {
  if (deny.length === 0 || command.words.length === 0) return undefined;
  const unproven = `it cannot be proven that it does not run ${deny.map((rule) => rule.text).join(', ')}`;
  const name = command.words[0];
  if (!name || name.dynamic || depth > 5) return unproven;
  const plain = basename(name.text);
  const texts = [
    textOf(command),
    textOf({ ...command, words: [{ text: plain, dynamic: false }, ...command.words.slice(1)] }),
    withoutGitOptions(command),
  ];
  const hit = deny.find((rule) => texts.some((text) => text !== undefined && matchesCommand(rule.specifier ?? '*', text)));
  if (hit) return `denied by ${hit.text}`;
  if (plain === 'eval' || plain === 'source' || plain === '.') return unproven;
  if (shells.has(plain)) return refuseShell(command, deny, depth, unproven);
  if (!wrappers.has(plain)) return undefined;
  return command.words
    .slice(1)
    .map((_word, at) => refuseByDeny({ ...command, words: command.words.slice(at + 1) }, deny, depth + 1))
    .find((why) => why !== undefined && why !== unproven);
}

function refuseShell(command: SimpleCommand, deny: readonly ToolRule[], depth: number, unproven: string): string | undefined {
  const flag = command.words.findIndex((word) => /^-[a-z]*c$/.test(word.text));
  const script = flag < 0 ? undefined : command.words[flag + 1];
  if (!script || script.dynamic) return unproven;
  const reading = readShell(script.text);
  if (!reading.ok) return unproven;
  return reading.commands.map((inner) => refuseByDeny(inner, deny, depth + 1)).find((why) => why !== undefined);
}

/** `git -C x -c a=b push` as `git push`. */
function withoutGitOptions(command: SimpleCommand): string | undefined {
  const words = command.words.map((word) => word.text);
  if (basename(words[0] ?? '') !== 'git') return undefined;
  let at = 1;
  while (words[at]?.startsWith('-')) at += ['-C', '-c', '--git-dir', '--work-tree', '--namespace'].includes(words[at] ?? '') ? 2 : 1;
  return ['git', ...words.slice(at)].join(' ');
}

const textOf = (command: SimpleCommand): string => command.words.map((word) => word.text).join(' ');

/** `git:*` and `git *` match `git` and whatever follows it as further words; a `*` elsewhere matches any text. */
function matchesCommand(specifier: string, text: string): boolean {
  const pattern = specifier.replace(/:\*$/, ' *');
  const open = pattern.endsWith(' *');
  const source = (open ? pattern.slice(0, -2) : pattern)
    .split('*')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
    .join('[\\s\\S]*');
  return new RegExp(`^${source}${open ? '(?:\\s[\\s\\S]*)?' : ''}$`).test(text);
}
