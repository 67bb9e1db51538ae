import { createWriteStream, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from 'cyrus-store/log';
import { pino } from 'pino';
import type { Redact } from './supervisor/redact.ts';

/** The service's log: `$home/logs/cyrus.log`, one JSON object a line, secrets masked. */
export function createLog(home: string, level: string, redact: Redact): Log & { flush(): void } {
  const directory = join(home, 'logs');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = createWriteStream(join(directory, 'cyrus.log'), { flags: 'a', mode: 0o600 });
  file.on('error', () => undefined); // a full disk must not take the service down
  const logger = pino(
    { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => void file.write(redact(line)) },
  );
  const entry =
    (method: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: object, message: string): void =>
      logger[method](fields, message);
  return { debug: entry('debug'), info: entry('info'), warn: entry('warn'), error: entry('error'), flush: () => file.end() };
}
