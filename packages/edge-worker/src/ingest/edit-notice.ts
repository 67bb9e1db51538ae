import { cutBody } from 'cyrus-linear/text';

export interface Words {
  readonly title: string;
  readonly description: string;
}

/** A longer text is shown by what changed in it. */
const wholeUpTo = 6_000;
const contextLines = 3;

/**
 * What work under way is told when its issue was edited: the words as they are now and as they were, marked so that they cannot
 * end the mark. The new ones come first: who looks for an order in the text finds the one that counts.
 */
export function editNotice(by: string, before: Words, now: Words): string {
  const parts: string[] = [
    `${by} edited the issue while you work on it. Go on with the issue as it is now; where it contradicts what you have done, change that.`,
  ];
  if (before.title !== now.title) parts.push(block('title-now', now.title), block('title-before', before.title));
  if (before.description !== now.description) {
    const [was, is] = changedParts(before.description, now.description);
    parts.push(block('description-now', is), block('description-before', was));
  }
  return parts.join('\n\n');
}

function block(name: string, content: string): string {
  const inside = cutBody(content, 4 * wholeUpTo).replace(/<(\/?)(title|description)-(now|before)/gi, '<$1$2_$3');
  return `<${name}>\n${inside.trim() === '' ? '(empty)' : inside.trim()}\n</${name}>`;
}

/** Both texts whole, or, where they are long, without the lines that they begin and end with alike. */
function changedParts(before: string, now: string): readonly [string, string] {
  if (before.length + now.length <= wholeUpTo) return [before, now];
  const [was, is] = [before.split('\n'), now.split('\n')];
  const shortest = Math.min(was.length, is.length);
  let start = 0;
  while (start < shortest && was[start] === is[start]) start++;
  let end = 0;
  while (end < shortest - start && was[was.length - 1 - end] === is[is.length - 1 - end]) end++;
  const skipped = { start: Math.max(0, start - contextLines), end: Math.max(0, end - contextLines) };
  const shown = (lines: readonly string[]): string =>
    [
      ...(skipped.start > 0 ? [`[${skipped.start} lines as before]`] : []),
      ...lines.slice(skipped.start, lines.length - skipped.end),
      ...(skipped.end > 0 ? [`[${skipped.end} lines as before]`] : []),
    ].join('\n');
  return [shown(was), shown(is)];
}
