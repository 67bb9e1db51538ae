import { Authorizations } from './access/authorizations.ts';
import { Limits } from './access/limits.ts';
import { Tokens } from './access/tokens.ts';
import { Calls } from './control/calls.ts';
import { Violations } from './control/violations.ts';
import { Faults } from './faults/faults.ts';
import { Defaults } from './graphql/defaults.ts';
import { loadSchema, schemaPath } from './graphql/schema.ts';
import { Journal } from './journal.ts';
import type { LinearOptions } from './options.ts';
import { seedWorkspace } from './rows/seed.ts';
import { Store } from './rows/store.ts';
import { SessionStates } from './sessions/state.ts';
import { Timers } from './timers.ts';
import { Webhooks } from './webhooks/webhooks.ts';
import type { World } from './world.ts';

const allEvents = ['AgentSessionEvent', 'AppUserNotification', 'PermissionChange', 'OAuthApp', 'Issue', 'Comment'];

/**
 * Puts the parts of one server together, with the seeded workspace.
 * @param baseUrl where it will listen
 * @param deadlines what lets the deadlines of agents pass
 */
export function buildWorld(options: LinearOptions, baseUrl: () => string, deadlines?: Timers): World {
  const timeScale = options.timeScale ?? 1;
  const timers = new Timers(timeScale);
  const schema = loadSchema(schemaPath(options.schema));
  const store = new Store();
  const workspace = seedWorkspace(store, options.urlKey ?? 'local');
  const journal = new Journal();
  const violations = new Violations(journal);
  const faults = new Faults(timers);
  const tokens = new Tokens(workspace.app.id, timeScale);
  tokens.add(options.apiKey ?? 'lin_api_local', 'key', workspace.ada.id);
  tokens.add(options.appToken ?? 'lin_oauth_app', 'app', workspace.app.id);
  if (options.refreshToken) tokens.addPair({ accessToken: options.appToken ?? 'lin_oauth_app', refreshToken: options.refreshToken });
  const settings = {
    organizationId: workspace.organization.id,
    timeoutMs: options.webhookTimeoutMs ?? 5_000,
    retryDeliveryId: options.retryDeliveryId ?? 'same',
    events: options.events ?? allEvents,
  };
  const webhooks = new Webhooks({ schema, settings, timers, faults, violations });
  webhooks.setTarget(options.webhook);
  return {
    ...workspace,
    options: {
      guidance: options.guidance ?? ['Always follow the coding standards of the repository.'],
      announceOwnSessions: options.announceOwnSessions ?? false,
      showStopping: options.showStopping ?? true,
      refusesPersonalKeysWith: options.refusesPersonalKeysWith ?? 'FORBIDDEN',
    },
    schema,
    store,
    sessions: new SessionStates(),
    timers,
    deadlines: deadlines ?? new Timers(options.deadlineScale ?? timeScale),
    journal,
    violations,
    calls: new Calls(),
    defaults: new Defaults(),
    tokens,
    authorizations: new Authorizations(timeScale),
    ...(options.oauthClient ? { oauthClient: options.oauthClient } : {}),
    limits: new Limits(timeScale, options.requestsPerHour),
    faults,
    webhooks,
    uploads: new Map(),
    hiddenTeams: new Set(),
    baseUrl,
  };
}
