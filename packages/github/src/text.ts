/** Longest title GitHub takes, in characters. */
export const titleLimit = 256;
/** Longest body of a pull request or comment GitHub takes, in characters. */
export const bodyLimit = 65_536;

const cutMark = '…';
const cutNote = '\n\n… (cut: longer than GitHub takes)';

// Control characters but tab and newline, and the marks that reorder the text after them. Marks that Arabic, Hebrew and emoji need stay.
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what it removes
const controls = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\ufeff]/g;

const clean = (text: string): string => text.toWellFormed().replace(/\r\n?/g, '\n').replace(controls, '');

/** One line without control characters, at most 256 characters; never cuts through an emoji or a combined letter. */
export function cleanTitle(text: string): string {
  const line = clean(text).replace(/\s+/g, ' ').trim();
  return (line.length <= titleLimit ? line : `${cut(line, titleLimit - cutMark.length)}${cutMark}`) || 'Untitled';
}

/** Text without control characters, at most `limit` characters, with a note where it was cut. */
export function cleanBody(text: string, limit: number = bodyLimit): string {
  const cleaned = clean(text);
  return cleaned.length <= limit ? cleaned : `${cut(cleaned, limit - cutNote.length)}${cutNote}`;
}

const letters = new Intl.Segmenter('en', { granularity: 'grapheme' });
/** A cluster longer than this is no letter of any script: it may be cut. */
const longestLetter = 64;

/** At most `length` UTF-16 units, ending where a letter ends. */
function cut(text: string, length: number): string {
  const window = text.slice(Math.max(0, length - longestLetter), length + longestLetter);
  const offset = Math.max(0, length - longestLetter);
  const start = letters.segment(window).containing(length - offset)?.index ?? 0;
  const end = start === 0 ? length : offset + start;
  return text
    .slice(0, end)
    .toWellFormed()
    .replace(/\ufffd$/, '');
}

/** What kind of thing a marker names. */
export type MarkerKind = 'plan' | 'comment' | 'title';

const idPattern = /^[\w.:-]{1,200}$/;
const markers = /<!-- cyrus:(plan|comment|title):([\w.:-]{1,200}) -->/g;

/**
 * The hidden line by which something we wrote is recognised: `<!-- cyrus:plan:ID -->`.
 * @throws RangeError when the id holds anything but letters, digits, `_`, `.`, `:` and `-`
 */
export function marker(kind: MarkerKind, id: string): string {
  if (!idPattern.test(id)) throw new RangeError(`not an id for a marker: ${id.slice(0, 80)}`);
  return `<!-- cyrus:${kind}:${id} -->`;
}

/** A body with its marker at the end. Markers that the text itself holds are made harmless, so that a quoted one never counts. */
export function markedBody(text: string, kind: MarkerKind, id: string): string {
  const line = `\n\n${marker(kind, id)}`;
  return cleanBody(harmless(text), bodyLimit - line.length) + line;
}

/** A text in which nothing counts as a marker of ours. */
export const harmless = (text: string): string => text.replace(/<!--(\s*\/?)cyrus:/gi, '<!--$1cyrus ');

/** The id of the last marker of that kind in a body. */
export function markedId(body: string | null | undefined, kind: MarkerKind): string | undefined {
  return [...(body ?? '').matchAll(markers)].findLast((found) => found[1] === kind)?.[2];
}
