import type { Fault } from './faults/fault.ts';
import type { Target } from './webhooks/post.ts';
import type { WebhookSettings } from './webhooks/webhooks.ts';
import type { Behaviour } from './world.ts';

export interface LinearOptions extends Partial<Behaviour> {
  /** Port on 127.0.0.1; 0, the default, picks a free one. */
  readonly port?: number;
  /** Port of the control address, which an outage leaves alone. */
  readonly controlPort?: number;
  /** Where webhooks go; can be set later. */
  readonly webhook?: Target;
  /** Linear's time passes this many times faster: retries, deadlines, token lifetimes, limits. Default 1. */
  readonly timeScale?: number;
  /** The same for the deadlines of agents alone (10 s, 30 min), so that fast retries do not hurry them. Default `timeScale`. */
  readonly deadlineScale?: number;
  /** Path of the schema; default `LINEAR_SCHEMA`, then the file beside this package's source. */
  readonly schema?: string;
  /** The API key of Ada, sent bare. Default `lin_api_local`. */
  readonly apiKey?: string;
  /** The token of the app user Cyrus, sent as Bearer. Default `lin_oauth_app`. */
  readonly appToken?: string;
  /** The first refresh token of the app, which goes with `appToken`. Absent: there is none. */
  readonly refreshToken?: string;
  /** The one OAuth application that is known. Absent: every one is. */
  readonly oauthClient?: { readonly id: string; readonly secret: string };
  /** The workspace's name in URLs. Default `local`. */
  readonly urlKey?: string;
  /** Requests a user may send in an hour of Linear's time. Default 5,000. */
  readonly requestsPerHour?: number;
  /** How long a webhook may take to be answered, in real milliseconds. Default 5,000. */
  readonly webhookTimeoutMs?: number;
  /** Default `same`. */
  readonly retryDeliveryId?: WebhookSettings['retryDeliveryId'];
  /** Types of webhook events that are sent. Default all of those this server knows. */
  readonly events?: WebhookSettings['events'];
  /** Faults that are on from the start. */
  readonly faults?: readonly Fault[];
}
