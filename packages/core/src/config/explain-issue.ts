import type { z } from 'zod';
import { nearest } from './known-keys.ts';
import { type Path, pathText, shown } from './mask.ts';

type Issue = z.core.$ZodIssue;

/** A schema's complaint as path, value, what is allowed, and what to do. */
export function explainIssue(issue: Issue, file: unknown): { path: string; value: string; allowed: string; fix: string } {
  const path = issue.path.filter((part) => typeof part !== 'symbol');
  const deeper = deepest(issue);
  if (deeper) return explainIssue({ ...deeper, path: [...path, ...deeper.path] }, file);
  const value = at(file, path);
  return { path: pathText(path), value: shown(path, value), allowed: allowed(issue), fix: fix(issue, path, value) };
}

/** Where one form of a union fits but for a mistake inside it, that mistake says more than the list of forms. */
function deepest(issue: Issue): Issue | undefined {
  if (issue.code !== 'invalid_union') return undefined;
  const inside = issue.errors.filter((form) => form.length > 0 && form.every((inner) => inner.path.length > 0));
  return inside.length === 1 ? inside[0]?.[0] : undefined;
}

function allowed(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type':
      return article(issue.expected);
    case 'invalid_value':
      return issue.values.map((value) => JSON.stringify(value)).join(', ');
    case 'too_small':
      return issue.origin === 'string' ? 'a text that is not empty' : `a number from ${issue.minimum} on`;
    case 'too_big':
      return `a number up to ${issue.maximum}`;
    case 'invalid_union':
      return [...new Set(issue.errors.flatMap((form) => form.slice(0, 1).map(allowed)))].join(', or ');
    default:
      return issue.message;
  }
}

function article(expected: string): string {
  const names: Readonly<Record<string, string>> = {
    string: 'a text in double quotes',
    number: 'a number',
    int: 'a whole number',
    boolean: 'true or false',
    array: 'a list: [ … ]',
    object: 'an object: { … }',
    record: 'an object: { … }',
    null: 'null',
  };
  return names[expected] ?? expected;
}

function fix(issue: Issue, path: Path, value: unknown): string {
  const key = path.at(-1);
  if (value === undefined) return `add ${JSON.stringify(key)}`;
  if (value === null) return 'remove the key, or give it a value';
  if (issue.code === 'invalid_value' && typeof value === 'string') {
    const right = nearest(value, issue.values.map(String));
    return right ? `did you mean ${JSON.stringify(right)}?` : 'choose one of these';
  }
  if (issue.code === 'invalid_type') return retype(issue.expected, value, path);
  return 'change the value';
}

function retype(expected: string, value: unknown, path: Path): string {
  const text = typeof value === 'string' ? value.trim() : '';
  if ((expected === 'number' || expected === 'int') && /^-?\d+(?:\.\d+)?$/.test(text)) return `write ${text} without quotes`;
  if (expected === 'boolean' && /^(?:true|false)$/.test(text)) return `write ${text} without quotes`;
  if (expected === 'array' && typeof value !== 'object') return `put it in brackets: [${shown(path, value)}]`;
  if (expected === 'array' && typeof value === 'object') return 'put the object in brackets: [ { … } ]';
  if (expected === 'string' && typeof value === 'number') return 'put it in double quotes';
  return 'change the value';
}

function at(file: unknown, path: Path): unknown {
  return path.reduce<unknown>((value, part) => {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined;
    return (value as Readonly<Record<string | number, unknown>>)[part];
  }, file);
}
