import { createInterface, type Interface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** Asks the person at the terminal. Questions go to stderr: stdout is for results. */
export interface Asker {
  /** An empty answer is `byDefault`; without one the question is asked again. */
  text(question: string, byDefault?: string): Promise<string>;
  /** What is typed is not shown. */
  secret(question: string): Promise<string>;
  /** One of them, by its number or itself. */
  choose(question: string, options: readonly Choice[], byDefault?: string): Promise<string>;
}

interface Choice {
  readonly value: string;
  readonly label: string;
}

/** Undefined where nobody can be asked. */
export function createAsker(): Asker | undefined {
  if (!process.stdin.isTTY || !process.stderr.isTTY) return undefined;
  const text: Asker['text'] = async (question, byDefault) => {
    const shown = byDefault === undefined ? `${question}: ` : `${question} [${byDefault}]: `;
    for (;;) {
      const answer = (await withInterface(process.stderr, (lines) => lines.question(shown))).trim() || byDefault;
      if (answer !== undefined) return answer;
    }
  };
  return {
    text,
    async secret(question) {
      const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
      for (;;) {
        process.stderr.write(`${question}: `);
        const answer = (await withInterface(silent, (lines) => lines.question(''))).trim();
        process.stderr.write('\n');
        if (answer !== '') return answer;
      }
    },
    async choose(question, options, byDefault) {
      process.stderr.write(`${question}\n${options.map(({ label }, index) => `  ${index + 1}  ${label}\n`).join('')}`);
      const usual = options.findIndex(({ value }) => value === byDefault);
      for (;;) {
        const answer = await text('Number', usual < 0 ? undefined : String(usual + 1));
        const chosen = options[Number(answer) - 1] ?? options.find(({ value }) => value === answer);
        if (chosen) return chosen.value;
      }
    },
  };
}

async function withInterface<T>(output: NodeJS.WritableStream, use: (lines: Interface) => Promise<T>): Promise<T> {
  const lines = createInterface({ input: process.stdin, output, terminal: true });
  try {
    // Ctrl+C and Ctrl+D end the command, as everywhere.
    return await Promise.race([use(lines), new Promise<never>((_resolve, reject) => lines.once('close', () => reject(new Interrupted())))]);
  } finally {
    lines.close();
  }
}

/** Whoever was asked has gone. */
export class Interrupted extends Error {}
