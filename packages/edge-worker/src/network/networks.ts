import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { noEffects } from 'cyrus-core/domain/effects';
import { FailureError } from 'cyrus-core/failure';
import type { Ledger } from 'cyrus-core/ports/ledger';
import type { NetworkNeeds, RunDoor, RunNetwork } from 'cyrus-core/ports/network';
import type { NetworkDoor, Sandbox } from 'cyrus-core/ports/sandbox';
import { hostPorts } from 'cyrus-sandbox/egress/allow-list';
import { outerProxies } from 'cyrus-sandbox/egress/outer-proxy';
import { openEgressProxy, type Refusal } from 'cyrus-sandbox/egress/proxy';
import { withRegistries } from 'cyrus-sandbox/egress/registries';
import type { Gateway } from 'cyrus-sandbox/gateway/gateway';
import type { NotPassed } from 'cyrus-sandbox/gateway/request-rules';
import type { Log } from 'cyrus-store/log';
import type { Database } from 'cyrus-store/pool';
import { applyEffects } from 'cyrus-store/queries/effects-apply';
import { type McpRelay, openMcpRelay } from '../mcp/relay.ts';
import { openHostPort } from './host-port.ts';
import { gatewayRules, startModelGateway } from './model-gateway.ts';
import { proxyVariables } from './proxy-variables.ts';
import { socketPlace } from './socket-place.ts';

export interface NetworksOptions {
  readonly home: string;
  readonly sandbox: Sandbox;
  readonly config: () => Config;
  readonly ledger: Ledger;
  /** Where refused connections are shown; absent: the log alone tells them. */
  readonly db?: Database;
  readonly clock: Clock;
  readonly log: Log;
  /** Its proxy variables say how this host reaches the internet. Absent: this process's own. */
  readonly environment?: NodeJS.ProcessEnv;
}

/** Whose network it is. */
export interface NetworkUser {
  /** In `CYRUS_RUN` of the processes that keep it. */
  readonly runId: string;
  readonly repositoryId: string | undefined;
  /** Setup may reach more than agents and checks. */
  readonly phase: 'setup' | 'agent' | 'checks' | 'teardown';
  readonly sessionId: string | null;
  readonly planId: string | null;
  readonly taskId: string | null;
  readonly attemptId: string | null;
}

/** A way to open networks that closes them all. */
export interface Door extends RunDoor {
  close(): Promise<void>;
}

/** The networks of the jobs of this host. */
export interface Networks {
  door(user: NetworkUser): Door;
  /** Does `work` with a network that programs can use, and closes it. */
  use<T>(user: NetworkUser, work: (network: RunNetwork) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

const atOnce = Promise.resolve();
/** Kinds of requests to the model that are told of one run. */
const mostTold = 20;

export function createNetworks(options: NetworksOptions): Networks {
  const { sandbox, config, log, home, db } = options;
  const outer = outerProxies(options.environment ?? process.env);
  let gateway: Promise<Gateway> | undefined;
  let place: Promise<string> | undefined;
  let count = 0;

  /** Hosts, as they are listed for this user. */
  function allowed(user: NetworkUser, needs: NetworkNeeds): readonly string[] {
    const everywhere = config().sandbox;
    const here = config().repositories.find((repository) => repository.id === user.repositoryId)?.sandbox;
    const setup = user.phase !== 'setup' ? [] : [...(everywhere.setupEgress ?? ['registries']), ...(here?.setupEgress ?? [])];
    return withRegistries([...(everywhere.egress ?? []), ...(here?.egress ?? []), ...setup, ...(needs.hosts ?? [])]);
  }

  function tell(user: NetworkUser, { host, port, why }: Refusal): void {
    const { taskId, attemptId, phase } = user;
    log.warn({ host, port, why, phase, taskId, attemptId }, 'network refused');
    show(user, 'network.refused', { host, port, why, phase });
  }

  function tellOfModel(user: NetworkUser, told: Set<string>, { what, message }: NotPassed): void {
    if (told.has(what) || told.size >= mostTold) return;
    told.add(what);
    log.warn({ what, taskId: user.taskId, attemptId: user.attemptId }, 'a request to the model was not passed on');
    show(user, 'model.refused', { what, message });
  }

  /** Where it can be; it stands in the log in any case. */
  function show({ sessionId, planId, taskId, attemptId }: NetworkUser, type: string, payload: Readonly<Record<string, unknown>>): void {
    const ids = Object.fromEntries(Object.entries({ sessionId, planId, taskId, attemptId }).filter(([, id]) => id !== null));
    db?.tx((tx) => applyEffects(tx, { ...noEffects(), events: [{ type, payload, ...ids }] })).catch((error) =>
      log.warn({ type, error: String(error) }, 'what was refused could not be shown'),
    );
  }

  async function open(user: NetworkUser, needs: NetworkNeeds, closers: (() => Promise<unknown>)[]): Promise<RunNetwork> {
    const attemptId = user.attemptId ?? user.runId;
    // What failed is tried anew by the next run: a full disk is no reason to start the service again.
    if (needs.model)
      gateway ??= startModelGateway({ ...options, outer }).catch((error) => {
        gateway = undefined;
        throw error;
      });
    // This run's own: one that has failed meanwhile must fail this run too, not leave it without the gateway.
    const opens = needs.model ? gateway : undefined;
    opens?.catch(() => undefined);
    const told = new Set<string>();
    const rules = { ...gatewayRules(config(), user.repositoryId), refused: (refusal: NotPassed) => tellOfModel(user, told, refusal) };
    if (!sandbox.openNetwork) {
      const model = await (await opens)?.open({ attemptId, ...rules });
      if (model) closers.push(() => model.close());
      const mcp = needs.mcpServers && (await openMcpRelay({ servers: needs.mcpServers, outer }));
      if (mcp) closers.push(() => mcp.close());
      return {
        network: 'open',
        env: {},
        ready: atOnce,
        ...(model?.url === undefined ? {} : { model: { url: model.url, key: model.key } }),
        ...(mcp ? { mcpServers: mcpUrls(mcp, mcp.port) } : {}),
      };
    }
    place ??= socketPlace(home).catch((error) => {
      place = undefined;
      throw error;
    });
    const directory = join(await place, String(++count));
    await mkdir(directory, { mode: 0o700 });
    closers.push(() => rm(directory, { recursive: true, force: true }));
    const list = allowed(user, needs);

    const out = join(directory, 'out');
    const toHost = hostPorts(list).map((port) => ({ port, socket: join(directory, String(port)) }));
    const toModel = opens && { socket: join(directory, 'model'), opens };
    const toMcp = needs.mcpServers && { socket: join(directory, 'mcp'), servers: needs.mcpServers };
    const doors: NetworkDoor[] = [
      { socket: out },
      ...toHost,
      ...(toMcp ? [{ socket: toMcp.socket }] : []),
      ...(toModel ? [{ socket: toModel.socket }] : []),
    ];
    // All at once: the network does not wait for what answers at its doors.
    const opening = [
      openEgressProxy({ allowed: list, socket: out, outer, refused: (refusal) => tell(user, refusal) }),
      ...toHost.map(({ port, socket }) => openHostPort(port, socket)),
    ];
    const openingModel = toModel?.opens.then((opened) => opened.open({ attemptId, socket: toModel.socket, ...rules }));
    const openingMcp = toMcp && openMcpRelay({ ...toMcp, outer });
    const openingNetwork = sandbox.openNetwork({ runId: user.runId, doors });
    const closable = [...opening, ...(openingMcp ? [openingMcp] : []), ...(openingModel ? [openingModel] : []), openingNetwork];
    // Whatever breaks, what was opened is closed.
    for (const opened of await Promise.allSettled(closable)) if (opened.status === 'fulfilled') closers.push(() => opened.value.close());
    await Promise.all(closable);
    const [network, key, mcp] = await Promise.all([openingNetwork, openingModel?.then((door) => door.key), openingMcp]);
    const model = key === undefined ? {} : { model: { url: `http://127.0.0.1:${network.ports.at(-1)}`, key } };
    const mcpServers = mcp ? { mcpServers: mcpUrls(mcp, network.ports[1 + toHost.length]) } : {};
    return { network, env: proxyVariables(network.ports[0] ?? 0), ready: network.ready, ...model, ...mcpServers };
  }

  function door(user: NetworkUser): Door {
    const closers: (() => Promise<unknown>)[] = [];
    let closed = false;
    return {
      async open(needs) {
        if (closed) throw new Error('the door of this run is closed');
        try {
          return await open(user, needs, closers);
        } catch (error) {
          const message = `No network could be made for this run: ${error instanceof Error ? error.message : String(error)}`;
          throw new FailureError({ class: 'sandbox_lost', message, fix: 'cyrus doctor looks at what holds agents in.' }, error);
        }
      },
      async close() {
        closed = true;
        // The last first: whoever uses a socket goes before it.
        for (const closer of closers.splice(0).reverse())
          await closer().catch((error) => log.warn({ runId: user.runId, error: String(error) }, 'a network was not closed in full'));
      },
    };
  }

  return {
    door,
    async use(user, work) {
      const mine = door(user);
      try {
        const network = await mine.open({});
        await network.ready.catch((error: Error) => {
          throw new FailureError({ class: 'sandbox_lost', message: error.message }, error);
        });
        return await work(network);
      } finally {
        await mine.close();
      }
    },
    async close() {
      (await gateway?.catch(() => undefined))?.close();
      const directory = await place?.catch(() => undefined);
      if (directory !== undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

const mcpUrls = ({ paths }: McpRelay, port = 0): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(paths).map(([name, path]) => [name, `http://127.0.0.1:${port}${path}`]));
