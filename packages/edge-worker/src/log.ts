import { join } from 'node:path';
import type { LogFilesConfig } from 'cyrus-core/config/keeping';
import type { Log } from 'cyrus-store/log';
import { pino } from 'pino';
import { openLogFile } from './log-file.ts';
import type { Redact } from './supervisor/redact.ts';

/** The service's log: `$home/logs/cyrus.log`, one JSON object a line, secrets masked, bounded. */
export function createLog(home: string, level: string, redact: Redact, files: LogFilesConfig): Log & { flush(): void } {
  const file = openLogFile({ path: join(home, 'logs', 'cyrus.log'), maxBytes: files.maxMb * 1024 * 1024, files: files.files });
  const logger = pino(
    { level, base: { pid: process.pid }, timestamp: pino.stdTimeFunctions.isoTime },
    { write: (line: string) => file.write(redact(line)) },
  );
  const entry =
    (method: 'debug' | 'info' | 'warn' | 'error') =>
    (fields: object, message: string): void =>
      logger[method](fields, message);
  return { debug: entry('debug'), info: entry('info'), warn: entry('warn'), error: entry('error'), flush: () => file.close() };
}
