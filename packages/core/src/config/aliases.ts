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
