import { ourPath } from './aliases.ts';
import { isSecret, type Path, pathText, shown } from './mask.ts';
import type { ConfigError } from './parse.ts';

/** A key that leads nowhere. */
export interface KeyMistake {
  readonly at: Path | string;
  readonly value: unknown;
  readonly allowed: string;
  readonly fix: string;
}

export class KeyError extends Error {
  readonly mistake: KeyMistake;
  constructor(mistake: KeyMistake) {
    super(mistake.allowed);
    this.mistake = mistake;
  }
}

/** The value under a key of a configuration, or undefined. An entry of a list may be named by its id. */
export function valueAt(value: unknown, key: string): { readonly path: Path; readonly value: unknown } | string {
  try {
    const path = ourPath(resolveKey(key, value));
    return { path, value: path.reduce<unknown>((at, part) => inner(at, part), value) };
  } catch (stop) {
    if (!(stop instanceof KeyError)) throw stop;
    return `${told(stop.mistake).path}: ${stop.mistake.fix}`;
  }
}

/** `a.b[0]["c.d"]` as its parts; names of list entries become numbers. @throws KeyError */
export function resolveKey(key: string, root: unknown): Path {
  const parts: (string | number)[] = [];
  const piece = /(?:^|\.)([^.[\]"]+)|\[(\d+)\]|\[("(?:[^"\\]|\\.)*")\]/y;
  let at = root;
  while (piece.lastIndex < key.length) {
    const from = piece.lastIndex;
    const match = piece.exec(key);
    if (!match)
      throw new KeyError({ at: key, value: key.slice(from), allowed: 'names with dots between them', fix: 'write it as in codegen.orgId' });
    const name = match[1] ?? (match[3] === undefined ? '' : (JSON.parse(match[3]) as string));
    const part = match[2] === undefined ? entryOf(at, name, key) : Number(match[2]);
    if (['__proto__', 'constructor', 'prototype'].includes(String(part)))
      throw new KeyError({ at: key, value: part, allowed: 'a key of the configuration', fix: 'choose another key' });
    parts.push(part);
    at = inner(at, part);
  }
  if (parts.length === 0) throw new KeyError({ at: '(no key)', value: key, allowed: 'a key', fix: 'write it as in codegen.orgId' });
  return parts;
}

/** In a list a number is a place, and a name is the entry with that id. */
function entryOf(at: unknown, name: string, key: string): string | number {
  if (!Array.isArray(at)) return name;
  if (/^\d+$/.test(name)) return Number(name);
  const index = at.findIndex((entry: unknown) => inner(entry, 'id') === name);
  if (index >= 0) return index;
  const ids = at.map((entry: unknown) => inner(entry, 'id')).filter((id) => typeof id === 'string');
  throw new KeyError({
    at: key,
    value: name,
    allowed: ids.length > 0 ? `one of ${ids.join(', ')}, or a number` : 'a number',
    fix: `there is no entry with the id "${name}"`,
  });
}

function inner(value: unknown, part: string | number): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
  return (value as Record<string | number, unknown>)[part];
}

/** Sets the value, with the objects and lists on the way to it. @throws KeyError where something else is on the way */
export function put(root: Record<string, unknown>, path: Path, value: unknown): void {
  let at: unknown = root;
  for (const [index, part] of path.entries()) {
    const here = path.slice(0, index);
    if (typeof at !== 'object' || at === null)
      throw new KeyError({
        at: here,
        value: at,
        allowed: 'an object or a list',
        fix: `take it out first: cyrus config unset ${pathText(here)}`,
      });
    if (Array.isArray(at) && (typeof part !== 'number' || part > at.length))
      throw new KeyError({
        at: here,
        value: at,
        allowed: `a place from 0 to ${at.length}`,
        fix: `${pathText([...here, at.length])} adds an entry`,
      });
    const holder = at as Record<string | number, unknown>;
    if (index === path.length - 1) holder[part] = value;
    else holder[part] = inner(holder, part) ?? (typeof path[index + 1] === 'number' ? [] : {});
    at = holder[part];
  }
}

/** Takes the value out, where there is one. */
export function remove(root: Record<string, unknown>, path: Path): void {
  const holder = path.slice(0, -1).reduce<unknown>((at, part) => inner(at, part), root);
  const last = path.at(-1);
  if (last === undefined || inner(holder, last) === undefined) return;
  if (Array.isArray(holder)) holder.splice(Number(last), 1);
  else delete (holder as Record<string | number, unknown>)[last];
}

/** The mistake, with secrets hidden. */
export function told({ at, value, allowed, fix }: KeyMistake): ConfigError {
  const path = typeof at === 'string' ? at : pathText(at);
  return { path, value: typeof at === 'string' ? JSON.stringify(value) : shown(at, value), allowed, fix };
}

/** The value as it may be shown: secrets in it hidden. */
export function masked(path: Path, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return isSecret(path, value) && value !== null && value !== undefined ? '***' : value;
  if (Array.isArray(value)) return value.map((item, index) => masked([...path, index], item));
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, masked([...path, key], item)]));
}
