import { parseArgs } from 'node:util';
import { startGitHub } from './server.ts';

/**
 * The stand-in as a program: prints one JSON line when it is ready, ends on SIGTERM or SIGINT and, with `--until-stdin-ends`,
 * when whoever holds the other end of its input is gone.
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    root: { type: 'string' },
    token: { type: 'string' },
    login: { type: 'string' },
    'webhook-url': { type: 'string' },
    'webhook-secret': { type: 'string' },
    'time-scale': { type: 'string' },
    enterprise: { type: 'boolean' },
    'token-life-ms': { type: 'string' },
    'until-stdin-ends': { type: 'boolean' },
  },
});

const github = await startGitHub({
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
  ...(values.root === undefined ? {} : { root: values.root }),
  ...(values.token === undefined ? {} : { tokens: { [values.token]: { login: values.login ?? 'cyrus-bot' } } }),
  ...(values['webhook-url'] === undefined ? {} : { webhook: { url: values['webhook-url'], secret: values['webhook-secret'] ?? '' } }),
  ...(values.enterprise ? { enterprise: true } : {}),
  ...(values['token-life-ms'] === undefined ? {} : { tokenLifeMs: Number(values['token-life-ms']) }),
  ...(values['time-scale'] === undefined ? {} : { timeScale: Number(values['time-scale']) }),
});

const stop = (): void => {
  void github.stop().then(() => process.exit(0));
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
if (values['until-stdin-ends']) process.stdin.once('close', stop).resume();
process.stdout.write(`${JSON.stringify({ ready: true, url: github.url, apiUrl: github.apiUrl, token: github.token })}\n`);
