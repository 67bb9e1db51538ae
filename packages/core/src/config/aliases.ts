import type { Path } from './mask.ts';

type Loose = Readonly<Record<string, unknown>>;

const top: Readonly<Record<string, string>> = { claudeDefaultModel: 'defaultModel', claudeDefaultFallbackModel: 'defaultFallbackModel' };
const inRepository: Readonly<Record<string, string>> = { githubUrl: 'remoteUrl' };

/** The same configuration with the names other versions of Cyrus use replaced by ours; a value under our own name wins. */
export function withOurNames(file: Loose): Loose {
  const renamed = rename(file, top);
  const repositories = renamed['repositories'];
  if (!Array.isArray(repositories)) return renamed;
  return { ...renamed, repositories: repositories.map((entry: unknown) => (isLoose(entry) ? rename(entry, inRepository) : entry)) };
}

/** A place under the name this version uses. */
export function ourPath(path: Path): Path {
  const [first, second, third, ...rest] = path;
  if (typeof first === 'string' && Object.hasOwn(top, first)) return [top[first] ?? first, ...path.slice(1)];
  if (first === 'repositories' && second !== undefined && typeof third === 'string' && Object.hasOwn(inRepository, third))
    return [first, second, inRepository[third] ?? third, ...rest];
  return path;
}

function rename(value: Loose, names: Readonly<Record<string, string>>): Loose {
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [
    Object.hasOwn(names, key) ? (names[key] ?? key) : key,
    inner,
  ]);
  const own = Object.entries(value).filter(([key]) => !Object.hasOwn(names, key));
  return Object.fromEntries([...entries, ...own]);
}

function isLoose(value: unknown): value is Loose {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
