import { cleanText } from './clean.ts';

/** Linear does not say how long a body may be; this much has room for a report and stays readable. In UTF-16 units. */
export const maxBodyLength = 60_000;

/** Clean text of at most `max` characters; what was cut is said in its place. The end is kept less than the start: the first error explains most. */
export function cutBody(body: string, max: number = maxBodyLength): string {
  const clean = cleanText(body);
  if (clean.length <= max) return clean;
  const note = (cut: number): string => `\n\n… ${cut.toLocaleString('en-US')} characters left out …\n\n`;
  const room = Math.max(0, max - note(clean.length).length);
  const head = whole(clean.slice(0, Math.ceil(room * 0.7)));
  const tail = room < 200 ? '' : whole(clean.slice(clean.length - Math.floor(room * 0.3)));
  return whole(`${head}${note(clean.length - head.length - tail.length)}${tail}`.slice(0, max));
}

/** Without the halves of surrogate pairs that a cut may leave at either end. */
function whole(text: string): string {
  return text.replace(/^[\uDC00-\uDFFF]/, '').replace(/[\uD800-\uDBFF]$/, '');
}

/**
 * Somebody else's words as one line inside our Markdown: shown as written, without formatting, mention or link.
 * Linear turns its own URLs and `@name` into mentions that notify people, so both are broken up as well.
 */
export function escapeMarkdown(text: string): string {
  return cleanText(text)
    .replace(/\s+/g, ' ')
    .replace(/[\\`*_{}[\]()<>#+\-!|~@$^=&]/g, '\\$&')
    .replace(/:\/\//g, '\\://')
    .replace(/^(\s*\d+)\./, '$1\\.')
    .trim();
}

/** A code block that its content cannot end: the fence is longer than any run of backticks in it. */
export function fenced(content: string, language = ''): string {
  const clean = cleanText(content);
  const longest = Math.max(0, ...(clean.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(Math.max(3, longest + 1));
  return `${fence}${language.replace(/[^\w+#.-]/g, '')}\n${clean.replace(/\n$/, '')}\n${fence}`;
}

/** Code inside a line; backticks in it cannot end it. */
export function inlineCode(content: string): string {
  const clean = cleanText(content).replace(/\s+/g, ' ');
  const longest = Math.max(0, ...(clean.match(/`+/g) ?? []).map((run) => run.length));
  const fence = '`'.repeat(longest + 1);
  const pad = clean.startsWith('`') || clean.endsWith('`') || clean.trim() === '' ? ' ' : '';
  return `${fence}${pad}${clean}${pad}${fence}`;
}

/**
 * A section that Linear shows closed: `+++ Title`. A content line that begins with `+++`, as diffs have them, would end
 * it, so such lines get an invisible character in front.
 */
export function collapsible(title: string, content: string): string {
  const line = cleanText(title).replace(/\s+/g, ' ').replace(/^\++/, '').trim();
  const inside = cleanText(content).replace(/^([ \t]*)\+\+\+/gm, '$1\u200B+++');
  return `+++ ${line || 'Details'}\n\n${inside.replace(/\n+$/, '')}\n\n+++`;
}
