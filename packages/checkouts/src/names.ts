import { createHash } from 'node:crypto';

const safe = /^[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.|$|lock$)){0,99}$/;

/** A name that is one path component and one ref component: given as it is when it is safe, else cleaned and told apart by a hash. */
export function componentOf(name: string): string {
  if (safe.test(name)) return name;
  const cleaned = name
    .slice(0, 400)
    .replace(/[^A-Za-z0-9]+/g, '-')
    .replace(/^-+|-+$/g, '')
    .slice(0, 48);
  return `${cleaned || 'x'}-${createHash('sha256').update(name).digest('hex').slice(0, 12)}`;
}

/** A full object id, SHA-1 or SHA-256. */
export const objectIdPattern: RegExp = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/**
 * A string git takes for the name of a ref and for nothing else: no revision syntax, no option, no wildcard.
 * @see git-check-ref-format(1)
 */
export function isRefName(name: string): boolean {
  return (
    name.length > 0 &&
    name.length <= 1000 &&
    !/^[-/.]|[/.]$|\/\/|\/\.|\.\.|@\{|\.lock(?:\/|$)|[~^:?*[\\\s]/.test(name) &&
    name !== '@' &&
    ![...name].some((character) => character < ' ' || character === '\x7f')
  );
}
