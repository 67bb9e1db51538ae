import { stripVTControlCharacters, styleText } from 'node:util';

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan';

/** Where a command writes: results on `out`, progress and complaints on `err`. */
export interface Terminal {
  out(line: string): void;
  err(line: string): void;
  style(style: Style, text: string): string;
}

/** No colour without a terminal, or with `NO_COLOR`. */
export function createTerminal(environment: NodeJS.ProcessEnv, stdout: NodeJS.WriteStream, stderr: NodeJS.WriteStream): Terminal {
  const colour = stdout.isTTY === true && !environment['NO_COLOR'];
  return {
    out: (line) => void stdout.write(`${line}\n`),
    err: (line) => void stderr.write(`${line}\n`),
    style: (style, text) => (colour ? styleText(style, text, { validateStream: false }) : text),
  };
}

/** Text from outside, made harmless for a terminal: no escape sequences, no control characters but the line break. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed
  return stripVTControlCharacters(text).replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g, '');
}

/** Text from outside on one line of at most `limit` characters. */
export function brief(text: string, limit: number): string {
  const flat = plain(text).replace(/\s+/g, ' ').trim();
  return flat.length <= limit ? flat : `${flat.slice(0, limit - 1)}…`;
}

/** Columns as wide as their content. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) for (const [index, cell] of row.entries()) widths[index] = Math.max(widths[index] ?? 0, cell.length);
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
      .join('  ')
      .trimEnd(),
  );
}
