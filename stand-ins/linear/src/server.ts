import type { GraphQLSchema } from 'graphql';
import { buildWorld } from './build-world.ts';
import { Control } from './control/control.ts';
import { answerControl } from './control/routes.ts';
import { Queries } from './graphql/execute.ts';
import { type Exchange, HttpError } from './http/exchange.ts';
import { answerFile } from './http/files.ts';
import { answerGraphql } from './http/graphql.ts';
import { Listener } from './http/listener.ts';
import { answerAuthorize, answerRevoke, answerToken } from './http/oauth.ts';
import type { LinearOptions } from './options.ts';
import { People } from './people/people.ts';
import { answerPeople } from './people/routes.ts';

/** A running stand-in for Linear. */
export interface LinearStandIn {
  /** `http://127.0.0.1:PORT`: the API, and `/people` and `/control`. */
  readonly url: string;
  /** The `apiUrl` of a Linear client. */
  readonly graphqlUrl: string;
  /** A second address with `/people` and `/control` only, which outages leave alone. */
  readonly controlUrl: string;
  readonly schema: GraphQLSchema;
  readonly people: People;
  readonly control: Control;
  /** The agent's user. */
  readonly app: { readonly id: string; readonly name: string };
  /** Closes both ports; pending deadlines and retries are dropped. */
  stop(): Promise<void>;
}

/**
 * Starts a server that speaks Linear's protocol over a workspace in memory, on 127.0.0.1 only.
 * @throws Error when a port is taken, the schema cannot be read, or an option is wrong
 */
export async function startLinear(options: LinearOptions = {}): Promise<LinearStandIn> {
  const world = buildWorld(options, () => main.url);
  const queries = new Queries(world);
  const people = new People(world);
  const control = new Control(world);
  const answerHuman = (exchange: Exchange): Promise<void> => {
    if (exchange.path.startsWith('/people/')) return answerPeople(people, exchange);
    if (exchange.path.startsWith('/control/')) return answerControl(control, world.journal, exchange);
    throw new HttpError(404, `nothing at ${exchange.path}`);
  };
  const main = new Listener((exchange) => {
    if (exchange.path === '/graphql') return answerGraphql(world, queries, exchange);
    if (exchange.path === '/oauth/token') return answerToken(world, exchange);
    if (exchange.path === '/oauth/authorize') return answerAuthorize(world, exchange);
    if (exchange.path === '/oauth/revoke') return answerRevoke(world, exchange);
    if (/^\/(uploads|assets)\//.test(exchange.path)) return answerFile(world, exchange);
    return answerHuman(exchange);
  });
  const side = new Listener(answerHuman);
  await main.open(options.port ?? 0);
  await side.open(options.controlPort ?? 0);
  world.faults.refusePort = (ms) => main.refuse(ms);
  for (const fault of options.faults ?? []) world.faults.add(fault);
  return {
    url: main.url,
    graphqlUrl: `${main.url}/graphql`,
    controlUrl: side.url,
    schema: world.schema,
    people,
    control,
    app: { id: world.app.id, name: world.app.name },
    stop: async () => {
      world.webhooks.stop();
      world.timers.stop();
      world.deadlines.stop();
      await Promise.all([main.stop(), side.stop()]);
    },
  };
}
