/** Control characters without a meaning in text, and DEL and C1; tab, line feed and carriage return stay until the lines are normalised. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to remove
const controls = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]/g;

/**
 * The same text without what breaks Postgres (NUL), terminals (escape sequences) or UTF-8 (lone surrogates become U+FFFD).
 * Line ends become `\n`. Emoji and right-to-left text stay as they are.
 */
export function cleanText(text: string): string {
  return text.toWellFormed().replace(/\r\n?/g, '\n').replace(controls, '');
}

/** One line of clean text, at most `max` characters: for titles and names, which nobody writes longer than that. */
export function cleanLine(text: string, max: number): string {
  const line = cleanText(text).replace(/\s+/g, ' ').trim();
  return line.length > max
    ? `${line
        .slice(0, max - 1)
        .toWellFormed()
        .replace(/\uFFFD$/, '')}…`
    : line;
}

/** A JSON value with every text and key in it cleaned, so that it can be stored as `jsonb`. */
export function cleanJson(value: unknown): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (Array.isArray(value)) return value.map(cleanJson);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [cleanText(key), cleanJson(inner)]));
}
