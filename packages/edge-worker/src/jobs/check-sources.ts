import { scriptsOf } from './detect-checks.ts';

/** Where the meaning of check commands is written: what an agent must not rewrite to pass them. */
export interface CheckSources {
  /** Scripts of package.json that the commands reach. */
  readonly scripts: readonly string[];
  /** Files at the top or below that say what runs: build files, the settings of script runners, scripts. */
  readonly files: readonly string[];
}

const scriptRunners = new Set([
  'npm',
  'npx',
  'pnpm',
  'pnpx',
  'yarn',
  'bun',
  'bunx',
  'node',
  'run-s',
  'run-p',
  'npm-run-all',
  'turbo',
  'nx',
]);
const shells = new Set(['sh', 'bash', 'dash', 'zsh', 'ksh', 'source', '.']);
const interpreters = new Set(['node', 'bun', 'deno', 'tsx', 'ts-node', 'python', 'python3', 'ruby', 'perl', 'php']);
/** By the program that reads them. A settings file can name another shell, and with it make every script pass. */
const filesOfProgram: Readonly<Record<string, readonly string[]>> = {
  make: ['GNUmakefile', 'makefile', 'Makefile'],
  gmake: ['GNUmakefile', 'makefile', 'Makefile'],
  just: ['justfile', 'Justfile', '.justfile'],
  task: ['Taskfile.yml', 'Taskfile.yaml'],
};
const runnerSettings = ['.npmrc', '.yarnrc', '.yarnrc.yml', '.pnpmfile.cjs', 'bunfig.toml'];

/** What decides what `commands` do, followed through the scripts of the base's package.json. */
export function checkSources(commands: readonly string[], baseManifest: string | undefined): CheckSources {
  const defined = scriptsOf(baseManifest);
  const scripts = new Set<string>();
  const files = new Set<string>();
  const open = [...commands];
  for (let text = open.pop(); text !== undefined; text = open.pop()) {
    for (const segment of text.split(/&&|\|\||[;|\n()]/)) {
      const words = wordsOf(segment);
      const program = words[0] ?? '';
      for (const file of filesOfProgram[program] ?? []) files.add(file);
      if (scriptRunners.has(program)) for (const file of runnerSettings) files.add(file);
      const script = shells.has(program)
        ? words.slice(1).find((word) => !word.startsWith('-'))
        : program.includes('/')
          ? program
          : interpreted(program, words.slice(1));
      if (script !== undefined && isInside(script)) files.add(script.replace(/^(?:\.\/)+/, ''));
      if (!scriptRunners.has(program) && !/\b(?:concurrently|wireit)\b/.test(program)) continue;
      for (const name of named(words.slice(1), Object.keys(defined))) {
        for (const hooked of [`pre${name}`, name, `post${name}`]) {
          if (defined[hooked] === undefined || scripts.has(hooked)) continue;
          scripts.add(hooked);
          open.push(defined[hooked]);
        }
      }
    }
  }
  return { scripts: [...scripts].sort(), files: [...files].sort() };
}

/** The program that an interpreter is given. What is called a test is not one: tests grow with the work, and say so in its diff. */
function interpreted(program: string, words: readonly string[]): string | undefined {
  if (!interpreters.has(program) || words.includes('--test')) return undefined;
  const file = words.find((word) => !word.startsWith('-') && /\.(?:[cm]?[jt]s|py|rb|pl|php)$/.test(word));
  return file !== undefined && !/(?:^|[/._-])(?:tests?|specs?|__tests__)(?:[/._-])/i.test(file) ? file : undefined;
}

/** The words of one simple command, without the variables set in front of it. */
function wordsOf(segment: string): string[] {
  const words = segment
    .split(/\s+/)
    .map((word) => word.replace(/^["']+|["']+$/g, ''))
    .filter((word) => word !== '');
  const first = words.findIndex((word) => !/^[A-Za-z_][A-Za-z0-9_]*=/.test(word) && word !== 'env' && word !== 'exec' && word !== 'time');
  return first < 0 ? [] : words.slice(first);
}

/** The scripts that words name: themselves, as `npm:name`, or by a pattern such as `test:*`. */
function named(words: readonly string[], known: readonly string[]): string[] {
  return words.flatMap((word) => {
    const name = word.replace(/^npm:/, '');
    if (!name.endsWith('*')) return known.includes(name) ? [name] : [];
    const start = name.replace(/\*+$/, '');
    return known.filter((candidate) => candidate.startsWith(start));
  });
}

function isInside(path: string): boolean {
  return !/^[/~:-]/.test(path) && !path.includes('$') && !path.split('/').includes('..');
}
