import { parseArgs } from 'node:util';
import { startCodegen } from './server.ts';

/**
 * The stand-in as a program: prints one JSON line when it is ready, ends on SIGTERM or SIGINT and, with `--until-stdin-ends`,
 * when whoever holds the other end of its input is gone.
 */
const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    token: { type: 'string' },
    'org-id': { type: 'string' },
    repository: { type: 'string', multiple: true },
    'git-root': { type: 'string' },
    'github-api-url': { type: 'string' },
    'github-token': { type: 'string' },
    'time-scale': { type: 'string' },
    'limit-factor': { type: 'string' },
    'until-stdin-ends': { type: 'boolean' },
  },
});

const codegen = await startCodegen({
  ...(values.port === undefined ? {} : { port: Number(values.port) }),
  ...(values.token === undefined ? {} : { token: values.token }),
  ...(values['org-id'] === undefined ? {} : { organisation: { id: Number(values['org-id']), name: 'Acme' } }),
  ...(values.repository === undefined ? {} : { repositories: values.repository }),
  ...(values['git-root'] === undefined ? {} : { gitRoot: values['git-root'] }),
  ...(values['github-api-url'] === undefined ? {} : { github: { apiUrl: values['github-api-url'], token: values['github-token'] ?? '' } }),
  ...(values['time-scale'] === undefined ? {} : { timeScale: Number(values['time-scale']) }),
  ...(values['limit-factor'] === undefined ? {} : { limitFactor: Number(values['limit-factor']) }),
});

const stop = (): void => {
  void codegen.stop().then(() => process.exit(0));
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
if (values['until-stdin-ends']) process.stdin.once('close', stop).resume();
process.stdout.write(
  `${JSON.stringify({ ready: true, url: codegen.url, token: codegen.token, organisationId: codegen.organisationId })}\n`,
);
