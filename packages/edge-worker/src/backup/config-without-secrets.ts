import { isSecret, type Path, pathText } from 'cyrus-core/config/mask';

/** A configuration as a person wrote it without its secrets, and where they were: `linear.token`. */
export function configWithoutSecrets(config: unknown): { readonly config: unknown; readonly left: readonly string[] } {
  const left: string[] = [];
  const copy = (value: unknown, path: Path): unknown => {
    if (Array.isArray(value)) return value.map((item, index) => copy(item, [...path, index]));
    if (typeof value !== 'object' || value === null) return value;
    return Object.fromEntries(
      Object.entries(value).flatMap(([key, item]) => {
        const here = [...path, key];
        const plain = typeof item !== 'object' || item === null;
        if (!plain || item === null || item === '' || !isSecret(here, item)) return [[key, copy(item, here)]];
        left.push(pathText(here));
        return [];
      }),
    );
  };
  return { config: copy(config, []), left };
}
