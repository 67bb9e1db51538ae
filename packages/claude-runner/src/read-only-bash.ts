import { readShell, type SimpleCommand } from './shell-commands.ts';

/**
 * Whether a command line only reads: undefined when it does, else why that is not proven. Only commands that are known are let through, with the
 * options that write, or run something else, left out. Where the working directory is mounted read-only this is the second lock.
 */
export function refuseWriting(line: string, root: string): string | undefined {
  const reading = readShell(line);
  if (!reading.ok) return `it cannot be proven that it only reads (${reading.why}); use simple commands`;
  return reading.commands.map((command) => refuseCommand(command, root)).find((why) => why !== undefined);
}

const sinks = ['/dev/null', '/dev/stdout', '/dev/stderr'];
const harmlessVariable = /^(?:LANG|LC_[A-Z]+|TZ|NO_COLOR)=/;

function refuseCommand({ assignments, redirects, words }: SimpleCommand, root: string): string | undefined {
  const risky = assignments.find((assignment) => !harmlessVariable.test(assignment));
  if (risky !== undefined) return `it sets ${risky.split(/\+?=/)[0]}`;
  const written = redirects.find(({ kind, target }) => kind === 'write' && (target.dynamic || !sinks.includes(target.text)));
  if (written) return `it writes to ${written.target.text || 'a path that is only known when it runs'}`;
  const [name, ...rest] = words;
  if (!name) return undefined;
  if (name.dynamic) return `the name of a command in it is only known when it runs (${name.text}…)`;
  if (name.text === 'cd')
    return rest.length === 1 && !rest[0]?.dynamic && rest[0]?.text === root ? undefined : 'it changes the directory; name paths instead';
  const careful = Object.hasOwn(carefully, name.text) ? carefully[name.text] : undefined;
  if (careful) {
    // An expansion may hold any option, and a bare pattern may match a file that is named like one.
    const unknown = rest.find((word) => word.dynamic && (word.expands || !/^[\w./]/.test(word.text)));
    if (unknown) return `a word of ${name.text} is only known when it runs (${unknown.text}…)`;
    const why = careful(rest.map((word) => word.text));
    return why === undefined ? undefined : `${name.text} ${why}`;
  }
  return plainReaders.has(name.text) ? undefined : `${name.text} is not among the commands that only read`;
}

/** None of their options writes anything or runs anything. */
const plainReaders: ReadonlySet<string> = new Set([
  ...[
    '[',
    ':',
    'basename',
    'cat',
    'cmp',
    'comm',
    'cut',
    'df',
    'diff',
    'dirname',
    'du',
    'echo',
    'egrep',
    'expand',
    'false',
    'fgrep',
    'fold',
  ],
  ...['grep', 'head', 'hexdump', 'id', 'jq', 'ls', 'md5sum', 'nl', 'od', 'paste', 'pwd', 'readlink', 'realpath', 'rev', 'seq', 'sha1sum'],
  ...['sha256sum', 'stat', 'strings', 'tac', 'tail', 'test', 'tr', 'true', 'type', 'uname', 'wc', 'which', 'whoami'],
]);

type Check = (words: readonly string[]) => string | undefined;

/** Refuses these options, also written as a part of one word. */
const without =
  (pattern: RegExp): Check =>
  (words) => {
    const found = words.find((word) => pattern.test(word));
    return found === undefined ? undefined : `with ${found} does more than read`;
  };

const carefully: Readonly<Record<string, Check>> = {
  find: without(/^-(?:delete|exec|ok|fprint|fls)/),
  sort: without(/^-[A-Za-z]*[oT]|^--(?:o|co|t)/),
  // Its second operand is written to.
  uniq: (words) =>
    words.filter((word) => word === '-' || !word.startsWith('-')).length > 1 ? 'with two names writes the second' : undefined,
  rg: without(/^--(?:pre|hostname-bin)/),
  tree: without(/^-[A-Za-z]*[oR]|^--o/),
  file: without(/^-[A-Za-z]*C|^--c/),
  sed: (words) =>
    words[0] === '-n' && /^(?:\d+|\$)(?:,(?:\d+|\$))?p$/.test(words[1] ?? '') && words.slice(2).every((word) => !word.startsWith('-'))
      ? undefined
      : 'may only print lines: sed -n 10,20p FILE',
  date: (words) => (words.every((word) => word.startsWith('+') || word === '-u') ? undefined : 'may only print'),
  git: refuseGit,
};

const gitReaders: Readonly<Record<string, Check>> = Object.fromEntries(
  [
    ...['blame', 'cat-file', 'describe', 'diff', 'diff-tree', 'for-each-ref', 'grep', 'log', 'ls-files', 'ls-tree', 'merge-base'],
    ...['name-rev', 'rev-list', 'rev-parse', 'shortlog', 'show', 'show-ref', 'status', 'whatchanged'],
  ].map((name) => [name, without(name === 'grep' ? /^-[A-Za-z]*O|^--(?:op|ou|ext|te|fil)/ : /^--(?:op|ou(?!rs)|ext|te|fil)/)]),
);
const gitLists: Readonly<Record<string, RegExp>> = {
  branch: /^(?:-a|-r|-v|-vv|-av|-rv|-avv|--all|--list|--remotes|--show-current|--merged|--no-merged)$/,
  tag: /^(?:-l|--list|-n\d*)$/,
  remote: /^(?:-v|--verbose)$/,
};

function refuseGit(words: readonly string[]): string | undefined {
  const [name = '', ...rest] = words[0] === '--no-pager' ? words.slice(1) : words;
  const reader = Object.hasOwn(gitReaders, name) ? gitReaders[name] : undefined;
  if (reader) return reader(rest);
  const list = Object.hasOwn(gitLists, name) ? gitLists[name] : undefined;
  if (list) return rest.every((word) => list.test(word)) ? undefined : `${name} may only list`;
  return `${name} is not among those that only read`;
}
