/** Marked text: what people, repositories and programs wrote, in blocks whose ends their content cannot forge. */

/** The names of the marks that mean something in a prompt, those of the agent's own harness among them. */
const marks = [
  'issue',
  'links?',
  'attachments?',
  'comments?',
  'messages?',
  'guidance',
  'repository-guidance',
  'repository-notes',
  'checks',
  'instructions',
  'rules',
  'system-reminder',
];
const mark = new RegExp(`<(?=\\s*/?\\s*(?:${marks.join('|')})\\b)`, 'gi');

/** The text with every mark in it made plain: `<issue` becomes `<\issue`. */
export const defanged = (text: string): string => text.replaceAll('\u0000', '').replace(mark, '<\\');

/** One line of it at most 500 characters long, without marks. */
export function inline(value: string): string {
  const line = defanged(value).replace(/\s+/g, ' ').trim();
  return line.length > 500 ? `${line.slice(0, 500)}…` : line;
}

/** A block around `content`; empty where there is none. Attributes without a value are left out. */
export function block(name: string, content: string, attributes: Readonly<Record<string, string | null | undefined>> = {}): string {
  const text = defanged(content).trim();
  if (text === '') return '';
  const given = Object.entries(attributes).flatMap(([key, value]) => (value ? [` ${key}="${inline(value).replace(/["<>]/g, ' ')}"`] : []));
  return `<${name}${given.join('')}>\n${text}\n</${name}>`;
}
