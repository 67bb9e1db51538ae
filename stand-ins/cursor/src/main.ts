import { parseArgs } from 'node:util';
import { startCursor } from './server.ts';

/**
 * The stand-in as a program: prints one JSON line when it is ready, ends on SIGTERM or SIGINT and, with `--until-stdin-ends`,
 * when whoever holds the other end of its input is gone.
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    'api-key': { type: 'string' },
    'github-api-url': { type: 'string' },
    'github-token': { type: 'string' },
    'event-delay-ms': { type: 'string' },
    included: { type: 'boolean' },
    'until-stdin-ends': { type: 'boolean' },
  },
});

const cursor = await startCursor({
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
  ...(values['api-key'] === undefined ? {} : { apiKey: values['api-key'] }),
  ...(values['event-delay-ms'] === undefined ? {} : { eventDelayMs: Number(values['event-delay-ms']) }),
  ...(values.included ? { included: true } : {}),
  codeHost: {
    ...(values['github-api-url'] === undefined ? {} : { apiUrl: values['github-api-url'] }),
    ...(values['github-token'] === undefined ? {} : { token: values['github-token'] }),
  },
});

const stop = (): void => {
  void cursor.stop().then(() => process.exit(0));
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
if (values['until-stdin-ends']) process.stdin.once('close', stop).resume();
process.stdout.write(`${JSON.stringify({ ready: true, url: cursor.url, apiKey: cursor.apiKey })}\n`);
