/** Check commands found in a repository, and the file that told of them. */
export interface DetectedChecks {
  readonly commands: readonly string[];
  /** For a person: `package.json`, `Makefile`. */
  readonly from: string;
}

/** The files `detectChecks` looks at; read them from the base commit, where no agent has written. */
export const checkFiles: readonly string[] = [
  ...['package.json', 'package-lock.json', 'npm-shrinkwrap.json', 'yarn.lock', 'pnpm-lock.yaml', 'bun.lock', 'bun.lockb'],
  ...['Makefile', 'makefile', 'GNUmakefile', 'justfile', 'Justfile', 'Taskfile.yml'],
  ...['Cargo.toml', 'go.mod', 'pyproject.toml', 'pytest.ini', 'tox.ini', 'setup.cfg', 'setup.py', 'uv.lock', 'poetry.lock'],
  ...['Gemfile', 'Rakefile', '.rspec', 'mix.exs', 'pom.xml', 'mvnw', 'build.gradle', 'build.gradle.kts', 'gradlew'],
  ...['composer.json', 'deno.json', 'deno.jsonc', 'Package.swift', 'dub.json', 'build.zig'],
];

/**
 * How this repository's own checks are run, by its files at the base commit. The first match wins: a script someone wrote for
 * it before a language's convention. Undefined: nothing was recognised.
 */
export function detectChecks(files: ReadonlyMap<string, string>): DetectedChecks | undefined {
  for (const detect of detectors) {
    const found = detect(files);
    if (found) return found;
  }
  return undefined;
}

type Files = ReadonlyMap<string, string>;
type Detector = (files: Files) => DetectedChecks | undefined;

/** What `npm init` writes: it fails by design and says nothing about the repository. */
const placeholder = /no test specified/;

function packageScripts(files: Files): DetectedChecks | undefined {
  const script = scriptsOf(files.get('package.json'))['test'];
  if (script === undefined || placeholder.test(script)) return undefined;
  return { commands: [`${packageManager(files)} test`], from: 'package.json' };
}

/** `npm`, `pnpm`, `yarn` or `bun run`, by what the manifest names or else by the lock file. */
function packageManager(files: Files): string {
  const named = /^(npm|pnpm|yarn|bun)@/.exec(String(parseObject(files.get('package.json'))['packageManager'] ?? ''))?.[1];
  const locked =
    (files.has('pnpm-lock.yaml') && 'pnpm') ||
    (files.has('yarn.lock') && 'yarn') ||
    ((files.has('bun.lock') || files.has('bun.lockb')) && 'bun') ||
    'npm';
  const manager = named ?? locked;
  return manager === 'bun' ? 'bun run' : manager;
}

/** The scripts of a `package.json`'s text; none when it is not one. */
export function scriptsOf(text: string | undefined): Readonly<Record<string, string>> {
  const scripts = parseObject(text)['scripts'];
  if (typeof scripts !== 'object' || scripts === null) return {};
  return Object.fromEntries(Object.entries(scripts).filter((entry): entry is [string, string] => typeof entry[1] === 'string'));
}

function parseObject(text: string | undefined): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text ?? '{}');
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : {};
  } catch {
    return {};
  }
}

function target(files: Files, names: readonly string[], pattern: RegExp, command: string): DetectedChecks | undefined {
  const from = names.find((name) => pattern.test(files.get(name) ?? ''));
  return from === undefined ? undefined : { commands: [command], from };
}

function present(files: Files, name: string, command: string): DetectedChecks | undefined {
  return files.has(name) ? { commands: [command], from: name } : undefined;
}

function python(files: Files): DetectedChecks | undefined {
  const from =
    ['pytest.ini'].find((name) => files.has(name)) ??
    ['pyproject.toml', 'setup.cfg', 'tox.ini'].find((name) => /\bpytest\b/.test(files.get(name) ?? ''));
  const runner = (files.has('uv.lock') && 'uv run ') || (files.has('poetry.lock') && 'poetry run ') || '';
  if (from !== undefined) return { commands: [`${runner}python3 -m pytest`], from };
  const project = ['pyproject.toml', 'setup.py'].find((name) => files.has(name));
  return project === undefined ? undefined : { commands: [`${runner}python3 -m unittest discover`], from: project };
}

const detectors: readonly Detector[] = [
  packageScripts,
  (files) => target(files, ['GNUmakefile', 'makefile', 'Makefile'], /^test[ \t]*::?(?!=)/m, 'make test'),
  (files) => target(files, ['justfile', 'Justfile'], /^@?test\b[^\n=]*:(?!=)/m, 'just test'),
  (files) => target(files, ['Taskfile.yml'], /^ {2,4}test:/m, 'task test'),
  (files) => present(files, 'Cargo.toml', 'cargo test'),
  (files) => present(files, 'go.mod', 'go test ./...'),
  python,
  (files) => present(files, '.rspec', 'bundle exec rspec'),
  (files) => target(files, ['Rakefile'], /\btest|spec\b/i, 'bundle exec rake'),
  (files) => present(files, 'mix.exs', 'mix test'),
  (files) => (files.has('mvnw') ? { commands: ['./mvnw -B -q test'], from: 'mvnw' } : present(files, 'pom.xml', 'mvn -B -q test')),
  (files) =>
    files.has('gradlew')
      ? { commands: ['./gradlew test'], from: 'gradlew' }
      : target(files, ['build.gradle', 'build.gradle.kts'], /[\s\S]/, 'gradle test'),
  (files) => (scriptsOf(files.get('composer.json'))['test'] ? { commands: ['composer test'], from: 'composer.json' } : undefined),
  (files) => target(files, ['deno.json', 'deno.jsonc'], /[\s\S]/, 'deno test'),
  (files) => present(files, 'Package.swift', 'swift test'),
  (files) => present(files, 'build.zig', 'zig build test'),
];
