import { createServer } from 'node:net';
import { describeHolder, findPortHolder } from 'cyrus-edge-worker/http/port-holder';
import { version } from '../../version.ts';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

export interface PortFacts {
  readonly host: string;
  readonly port: number;
  /** The code of the error that listening ended with; undefined: it is free. */
  readonly problem?: string;
  /** The program that listens there, if this account may see it. */
  readonly holder?: string;
}

export function judgePort({ host, port, problem, holder }: PortFacts): Finding {
  const name = 'port';
  if (problem === undefined) return ok(name, port === 0 ? 'any that is free' : `${host}:${port} is free`);
  const other = `Set "server": {"port": ${port === 3457 ? 3458 : 3457}} in config.json (or CYRUS_PORT).`;
  if (problem === 'EADDRINUSE')
    return error(name, `${host}:${port} is taken by ${holder ?? 'another program'}`, {
      why: 'cyrus start cannot listen there, so that no webhook arrives.',
      fix: `End that program, or choose another port: ${other}`,
    });
  if (problem === 'EACCES')
    return error(name, `this account may not use port ${port}`, { why: 'Ports below 1024 are for root.', fix: other });
  return error(name, `${host}:${port}: ${problem}`, {
    why: 'cyrus start cannot listen there.',
    fix: 'Set "server": {"host": "127.0.0.1"} in config.json (or CYRUS_HOST).',
  });
}

export const serviceCheck: Check<ConfiguredPatient> = {
  name: 'service',
  async run({ config, database, clock, signal }) {
    const facts = await database();
    const { host, port } = config.server;
    const running = facts.state === 'open' && facts.status.running ? facts.status.hosts[0] : undefined;
    if (!running) return [await tryPort(host, port)];
    const found: Finding[] = [ok('service', `running (pid ${running.pid}, version ${running.version})`)];
    if (running.version !== version)
      found.push(
        warning('service', `version ${running.version} runs, this is ${version}`, {
          why: 'The new one does its work only once it is started.',
          fix: 'Restart it: end cyrus start with SIGTERM (it drains), and start it again.',
        }),
      );
    if (clock.now() - running.heartbeatAt > 60_000)
      found.push(
        warning('service', `pid ${running.pid} has given no sign of life for ${Math.round((clock.now() - running.heartbeatAt) / 1000)} s`, {
          why: 'It holds the home, and does nothing: frozen, or cut off from its database.',
          fix: `End it (kill ${running.pid}) and start again; nothing is lost.`,
        }),
      );
    if (
      port !== 0 &&
      !(await fetch(`http://${host.includes(':') ? `[${host}]` : host}:${port}/healthz`, { signal }).then(
        (answer) => answer.ok,
        () => false,
      ))
    )
      found.push(
        warning('service', `it does not answer at ${host}:${port}`, {
          why: 'It listens elsewhere (its configuration was changed since), or is very busy: webhooks sent there do not arrive.',
          fix: 'Restart it, so that it listens where config.json says.',
        }),
      );
    return found;
  },
};

function tryPort(host: string, port: number): Promise<Finding> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const problem = cause.code ?? cause.message;
      if (problem !== 'EADDRINUSE') return resolve(judgePort({ host, port, problem }));
      void findPortHolder(port).then((holder) =>
        resolve(judgePort({ host, port, problem, ...(holder ? { holder: describeHolder(holder) } : {}) })),
      );
    });
    server.listen(port, host, () => server.close(() => resolve(judgePort({ host, port }))));
  });
}
