import { connect } from 'node:net';
import type { Clock } from 'cyrus-core/clock';
import type { ServiceConfig } from 'cyrus-core/config/pieces';
import type { Check } from 'cyrus-core/domain/plan';
import { formatDuration } from 'cyrus-core/duration';
import type { Sandbox, SandboxedProcess, SandboxSpec } from 'cyrus-core/ports/sandbox';
import { collect, createTail, runCommand } from './run-command.ts';

export interface ServicesRequest {
  readonly services: readonly ServiceConfig[];
  readonly sandbox: Sandbox;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** A command as the checks run theirs. */
  readonly spec: (command: string, env: Readonly<Record<string, string>>) => SandboxSpec;
  /** `CYRUS_PORT…` of the checkout. */
  readonly variables: Readonly<Record<string, string>>;
  readonly deadline: number;
  /** Whether somebody listens on a port there where the services run. */
  readonly listens: (port: number) => Promise<boolean>;
}

/** The services of one run of checks. */
export interface Services {
  /** Why the checks cannot be run; undefined: everything is ready. */
  readonly problem?: { readonly verdict: 'failed' | 'not_run'; readonly reason: string; readonly check?: Check };
  /** Why the checks say nothing although they ran: a service whose program is not there, which showed only meanwhile. */
  missing(): string | undefined;
  /** The end of what each wrote, for people who read of failed checks. */
  logs(): string;
  /** Ends them all; afterwards nothing of them is left. */
  end(): Promise<void>;
}

interface Started {
  readonly config: ServiceConfig;
  readonly process: SandboxedProcess;
  readonly output: () => string;
  ended?: Awaited<SandboxedProcess['exited']>;
}

const readyMs = 60_000;
const lookAgainMs = 100;
const settleMs = 500;
const logBytes = 2 * 1024;

/** Starts the services one after the other, each when the one before is ready. What was started is ended by `end`, whatever came of it. */
export async function startServices(request: ServicesRequest): Promise<Services> {
  const started: Started[] = [];
  let problem: Services['problem'];
  for (const config of request.services) {
    problem = await startOne(request, config, started);
    if (problem !== undefined || request.signal.aborted) break;
  }
  return {
    ...(problem === undefined ? {} : { problem }),
    missing: () => started.map(absent).find((reason) => reason !== undefined),
    logs: () =>
      started.map((service) => `--- service ${service.config.name}${endNote(service)} ---\n${service.output().trimEnd()}\n`).join(''),
    async end() {
      await Promise.all(started.map((service) => service.process.kill()));
    },
  };
}

function endNote({ ended }: Started): string {
  return ended === undefined ? '' : ` (ended with ${ended.code ?? ended.signal ?? 'an error'})`;
}

async function startOne(request: ServicesRequest, config: ServiceConfig, started: Started[]): Promise<Services['problem']> {
  const { sandbox, clock } = request;
  const port = portOf(config, request.variables);
  if (port !== undefined && (await request.listens(port)))
    return {
      verdict: 'not_run',
      reason: `port ${port}, which the service ${config.name} waits for, is in use by another program on this machine; let it listen on $CYRUS_PORT_1 and set ready.port to "CYRUS_PORT_1"`,
    };
  const begun = clock.now();
  const process = sandbox.spawn(request.spec(config.command, config.env ?? {}));
  const tail = createTail(logBytes);
  for (const stream of [process.child.stdout, process.child.stderr]) collect(stream, tail);
  process.child.stdin?.on('error', () => undefined);
  process.child.stdin?.end();
  const service: Started = { config, process, output: tail.text };
  started.push(service);
  void process.exited.then((end) => {
    service.ended = end;
  });
  const patience = config.ready?.timeoutMs ?? readyMs;
  const until = Math.min(begun + patience, request.deadline);
  for (;;) {
    if (request.signal.aborted) return undefined;
    if (service.ended !== undefined) return gone(service, clock.now() - begun);
    if (!config.ready?.command && port === undefined) {
      // Nothing says when it is ready; that it was never there shows at once.
      await Promise.race([process.exited, clock.sleep(settleMs, request.signal)]);
      return service.ended === undefined ? undefined : gone(service, clock.now() - begun);
    }
    if (await isReady(request, config, port, until)) return undefined;
    if (clock.now() >= until) break;
    await Promise.race([process.exited, clock.sleep(lookAgainMs, request.signal)]);
  }
  const reason = `the service ${config.name} was not ready after ${formatDuration(clock.now() - begun)}`;
  return {
    verdict: 'failed',
    reason,
    check: checkOf(service, clock.now() - begun, null, `${reason}; ready.timeoutMs says how long to wait`),
  };
}

function gone(service: Started, durationMs: number): Services['problem'] {
  const missing = absent(service);
  if (missing !== undefined) return { verdict: 'not_run', reason: missing };
  const { config, ended } = service;
  const reason = `the service ${config.name} ended before the checks began`;
  return { verdict: 'failed', reason, check: checkOf(service, durationMs, ended?.code ?? null, reason) };
}

/** What a service that could not be run says of this machine. */
function absent({ config, ended, output }: Started): string | undefined {
  if (ended?.spawnError) return `the service ${config.name} could not be started: ${ended.spawnError.message}`;
  if (ended?.code !== 127) return undefined;
  return `the program of the service ${config.name} is not installed on this host: ${output().trim().slice(-300)}`;
}

function checkOf({ config, output }: Started, durationMs: number, exitCode: number | null, note: string): Check {
  return { command: config.command, exitCode: exitCode === 0 ? null : exitCode, durationMs, output: `${output()}\n[${note}]` };
}

function portOf({ ready }: ServiceConfig, variables: Readonly<Record<string, string>>): number | undefined {
  const port = typeof ready?.port === 'string' ? Number(variables[ready.port]) : ready?.port;
  return port === undefined || Number.isNaN(port) ? undefined : port;
}

async function isReady(request: ServicesRequest, { ready, env }: ServiceConfig, port: number | undefined, until: number): Promise<boolean> {
  if (port !== undefined && !(await request.listens(port))) return false;
  if (ready?.command === undefined) return true;
  const { sandbox, clock, signal } = request;
  const timeoutMs = Math.max(1, until - clock.now());
  const end = await runCommand({ sandbox, clock, signal, timeoutMs, outputBytes: 256, spec: request.spec(ready.command, env ?? {}) });
  return end.ended === 'exited' && end.exitCode === 0;
}

/** Whether somebody listens on a port of this host. */
export function listensHere(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.once('connect', () => {
      // Said goodbye to politely: a reset connection ends a service that is not prepared for one.
      socket.resume().end();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
    socket.setTimeout(2_000, () => {
      socket.destroy();
      resolve(false);
    });
  });
}
