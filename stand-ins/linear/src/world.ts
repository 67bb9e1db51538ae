import type { GraphQLSchema } from 'graphql';
import type { Authorizations } from './access/authorizations.ts';
import type { Limits } from './access/limits.ts';
import type { Tokens } from './access/tokens.ts';
import type { Calls } from './control/calls.ts';
import type { Violations } from './control/violations.ts';
import type { Faults } from './faults/faults.ts';
import type { Defaults } from './graphql/defaults.ts';
import type { Journal } from './journal.ts';
import type { Workspace } from './rows/seed.ts';
import type { Store } from './rows/store.ts';
import type { UserRow } from './rows/tables.ts';
import type { SessionStates } from './sessions/state.ts';
import type { Timers } from './timers.ts';
import type { Webhooks } from './webhooks/webhooks.ts';

/** Everything one server holds; handed to each function that acts on it. */
export interface World extends Workspace {
  readonly options: Behaviour;
  readonly schema: GraphQLSchema;
  readonly store: Store;
  readonly sessions: SessionStates;
  readonly timers: Timers;
  /** For the deadlines of agents, which may pass at another speed. */
  readonly deadlines: Timers;
  readonly journal: Journal;
  readonly violations: Violations;
  readonly calls: Calls;
  readonly defaults: Defaults;
  readonly tokens: Tokens;
  readonly authorizations: Authorizations;
  /** The one application that is known; absent: every one is. */
  readonly oauthClient?: { readonly id: string; readonly secret: string };
  readonly limits: Limits;
  readonly faults: Faults;
  readonly webhooks: Webhooks;
  /** Files by key: what `fileUpload` announced and the PUT brought. */
  readonly uploads: Map<string, Upload>;
  /** Ids of teams that the agent may not see. */
  readonly hiddenTeams: Set<string>;
  /** Where this server listens, for the URLs it hands out. */
  readonly baseUrl: () => string;
}

/** Points on which Linear's documentation is silent or its copies differ. */
export interface Behaviour {
  /** Guidance of the team, sent with every new session. */
  readonly guidance: readonly string[];
  /** Whether a session that the agent itself creates sends `created` back to it. Default `false`. */
  readonly announceOwnSessions: boolean;
  /** Whether a stop shows as status `stopping` until the agent answers. Default `true`. */
  readonly showStopping: boolean;
  /** The code of the refusal when a person's key writes what only an agent may. Default `FORBIDDEN`. */
  readonly refusesPersonalKeysWith: 'FORBIDDEN' | 'INPUT_ERROR';
}

export interface Upload {
  readonly contentType: string;
  body?: Buffer;
  readonly trouble?: FileTrouble;
}

/** What reading a file meets. */
export interface FileTrouble {
  readonly redirectTo?: string;
  readonly status?: number;
  /** Real milliseconds before the answer begins. */
  readonly waitMs?: number;
}

/** Who acts: a person in the app or by API key, or the agent by its token. */
export interface Actor {
  readonly user: UserRow;
  /** When the request reached the server, in epoch milliseconds. */
  readonly arrivedAt: number;
}

export const actAs = (user: UserRow): Actor => ({ user, arrivedAt: Date.now() });
