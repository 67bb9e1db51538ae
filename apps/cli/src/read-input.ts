import { CliError, exitCode } from './cli-error.ts';

/** What was given on stdin, without the line break at its end. @throws CliError when that is nothing */
export async function readInput(): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of process.stdin) pieces.push(piece as Buffer);
  const text = Buffer.concat(pieces)
    .toString('utf8')
    .replace(/\r?\n$/, '');
  if (text === '') throw new CliError('"-" reads the value from stdin, and there is none.', { code: exitCode.usage });
  return text;
}
