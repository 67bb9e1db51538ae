/** Where a text stops being JSON. Lines and columns count from 1. */
export interface JsonMistake {
  readonly line: number;
  readonly column: number;
  readonly found: string;
  readonly expected: string;
}

class Stop extends Error {
  readonly at: number;
  readonly expected: string;
  constructor(at: number, expected: string) {
    super(expected);
    this.at = at;
    this.expected = expected;
  }
}

/**
 * The first place where `text` is not JSON, or undefined where it is. A scanner of its own, because the engine's message
 * quotes the text around the place (with the tokens in it) and often leaves the place out.
 */
export function findJsonMistake(text: string): JsonMistake | undefined {
  try {
    const end = skipSpace(text, value(text, skipSpace(text, 0), 0));
    if (end < text.length) throw new Stop(end, 'nothing after the end of the configuration');
    return undefined;
  } catch (stop) {
    if (!(stop instanceof Stop)) throw stop;
    const before = text.slice(0, stop.at);
    const character = text.at(stop.at);
    return {
      line: before.split('\n').length,
      column: stop.at - before.lastIndexOf('\n'),
      found: character === undefined ? 'the end of the text' : JSON.stringify(character),
      expected: stop.expected,
    };
  }
}

function skipSpace(text: string, at: number): number {
  let next = at;
  while (next < text.length && ' \t\r\n'.includes(text.charAt(next))) next++;
  if (text.startsWith('//', next) || text.startsWith('/*', next)) throw new Stop(next, 'no comment: JSON has none');
  return next;
}

function value(text: string, at: number, depth: number): number {
  if (depth > 100) throw new Stop(at, 'fewer nested levels');
  const first = text.charAt(at);
  if (first === '{') return object(text, at, depth);
  if (first === '[') return list(text, at, depth);
  if (first === '"') return string(text, at);
  const literal = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.])/y;
  literal.lastIndex = at;
  if (literal.test(text)) return literal.lastIndex;
  throw new Stop(
    at,
    first === "'" ? 'double quotes around a text' : 'a value: a text in double quotes, a number, true, false, null, { or [',
  );
}

function object(text: string, start: number, depth: number): number {
  let at = skipSpace(text, start + 1);
  if (text.charAt(at) === '}') return at + 1;
  for (;;) {
    if (text.charAt(at) !== '"') throw new Stop(at, text.charAt(at) === '}' ? 'no comma before }' : 'a key in double quotes');
    at = skipSpace(text, string(text, at));
    if (text.charAt(at) !== ':') throw new Stop(at, 'a colon after the key');
    at = skipSpace(text, value(text, skipSpace(text, at + 1), depth + 1));
    if (text.charAt(at) === '}') return at + 1;
    if (text.charAt(at) !== ',') throw new Stop(at, 'a comma or }');
    at = skipSpace(text, at + 1);
  }
}

function list(text: string, start: number, depth: number): number {
  let at = skipSpace(text, start + 1);
  if (text.charAt(at) === ']') return at + 1;
  for (;;) {
    if (text.charAt(at) === ']') throw new Stop(at, 'no comma before ]');
    at = skipSpace(text, value(text, at, depth + 1));
    if (text.charAt(at) === ']') return at + 1;
    if (text.charAt(at) !== ',') throw new Stop(at, 'a comma or ]');
    at = skipSpace(text, at + 1);
  }
}

function string(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    const character = text.charAt(at);
    if (character === '"') return at + 1;
    if (character < ' ') throw new Stop(at, 'the closing quote of the text (a line break is written \\n)');
    if (character !== '\\') continue;
    const sequence = /\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4})/y;
    sequence.lastIndex = at;
    if (!sequence.test(text)) throw new Stop(at, 'one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\u0000 (a backslash itself is written \\\\)');
    at = sequence.lastIndex - 1;
  }
  throw new Stop(text.length, 'the closing quote of the text');
}
