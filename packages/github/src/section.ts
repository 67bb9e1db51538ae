import { createHash } from 'node:crypto';
import { bodyLimit, cleanBody, cleanTitle, harmless, markedId, marker } from './text.ts';

/** What we say in a pull request: a section of its body that is ours, and its title. The rest of the body is people's. */
export interface Said {
  readonly planId: string;
  readonly title: string;
  readonly text: string;
}

const begin = '<!-- cyrus:section -->';
const end = '<!-- /cyrus:section -->';

const fingerprint = (title: string): string => createHash('sha256').update(cleanTitle(title)).digest('hex').slice(0, 16);

/** The hidden lines: whose pull request it is, and the title we gave it last. */
const marks = ({ planId, title }: Said): string => `${marker('plan', planId)}\n${marker('title', fingerprint(title))}`;

/** The body of a new pull request. */
export function newBody(said: Said): string {
  const tail = `\n${end}\n\n${marks(said)}`;
  return `${begin}\n${cleanBody(harmless(said.text), bodyLimit - begin.length - 1 - tail.length)}${tail}`;
}

/** A body with our section and marks renewed and everything else as it is; undefined when our section is not in it (any more). */
export function renewedBody(body: string, said: Said): string | undefined {
  const start = body.indexOf(begin);
  const stop = body.indexOf(end, start + begin.length);
  if (start < 0 || stop < 0) return undefined;
  const before = body.slice(0, start + begin.length);
  const after = withMarks(body.slice(stop), said);
  const room = bodyLimit - before.length - after.length - 2;
  // People have filled it: there is no space for ours.
  if (room < 200) return undefined;
  const renewed = `${before}\n${cleanBody(harmless(said.text), room)}\n${after}`;
  return sameText(renewed, body) ? body : renewed;
}

function withMarks(text: string, said: Said): string {
  const old = /(?:<!-- cyrus:(?:plan|title):[\w.:-]{1,200} -->\s*)+$/;
  return old.test(text) ? text.replace(old, marks(said)) : `${text}\n\n${marks(said)}`;
}

/** Texts that were edited in a browser come back with other line ends. */
const sameText = (one: string, other: string): boolean => one.replace(/\r\n/g, '\n') === other.replace(/\r\n/g, '\n');

/** Whether the title of a pull request is the one we wrote last: then it is ours to change. */
export const wroteTitle = (pull: { readonly title: string; readonly body: string }): boolean =>
  markedId(pull.body, 'title') === fingerprint(pull.title);
