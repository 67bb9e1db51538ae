/** The stand-in for Linear as a program. Flags beat environment; one JSON line on stdout says that it listens. */
import { parseArgs } from 'node:util';
import type { LinearOptions } from './options.ts';
import { startLinear } from './server.ts';

const usage = `Usage: linear-stand-in [options]
  --port N               port on 127.0.0.1 (LINEAR_PORT, default: a free one)
  --control-port N       port of the control address (LINEAR_CONTROL_PORT, default: a free one)
  --webhook-url URL      where webhooks go (LINEAR_WEBHOOK_URL)
  --webhook-secret TEXT  what they are signed with (LINEAR_WEBHOOK_SECRET)
  --time-scale N         Linear's time passes N times faster (LINEAR_TIME_SCALE, default 1)
  --deadline-scale N     the same for the agents' deadlines alone (LINEAR_DEADLINE_SCALE, default: the time scale)
  --requests-per-hour N  rate limit of each user (LINEAR_REQUESTS_PER_HOUR, default 5000)
  --api-key TEXT         Ada's API key (LINEAR_API_KEY, default lin_api_local)
  --app-token TEXT       the agent's token (LINEAR_APP_TOKEN, default lin_oauth_app)
  --refresh-token TEXT   the first refresh token of the agent (LINEAR_REFRESH_TOKEN, default: none)
  --client-id TEXT       the one OAuth application that is known (LINEAR_CLIENT_ID, default: every one is)
  --client-secret TEXT   its secret (LINEAR_CLIENT_SECRET)
  --url-key TEXT         the workspace in URLs (LINEAR_URL_KEY, default local)
  --announce-own-sessions  sessions that the agent opens itself are announced to it, too
  --schema FILE          Linear's schema (LINEAR_SCHEMA, default: beside the source)
  --help
`;

const { values } = parseArgs({
  options: {
    port: { type: 'string' },
    'control-port': { type: 'string' },
    'webhook-url': { type: 'string' },
    'webhook-secret': { type: 'string' },
    'time-scale': { type: 'string' },
    'deadline-scale': { type: 'string' },
    'requests-per-hour': { type: 'string' },
    'api-key': { type: 'string' },
    'app-token': { type: 'string' },
    'refresh-token': { type: 'string' },
    'client-id': { type: 'string' },
    'client-secret': { type: 'string' },
    'url-key': { type: 'string' },
    schema: { type: 'string' },
    'announce-own-sessions': { type: 'boolean' },
    help: { type: 'boolean' },
  },
});

type Flag = Exclude<keyof typeof values, 'help' | 'announce-own-sessions'>;

const textOf = (flag: Flag): string | undefined => values[flag] ?? process.env[`LINEAR_${flag.toUpperCase().replaceAll('-', '_')}`];

function numberOf(flag: Flag): number | undefined {
  const text = textOf(flag);
  if (text === undefined) return undefined;
  const value = Number(text);
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`--${flag} must be a number, not ${text}`);
  return value;
}

function optionsFromFlags(): LinearOptions {
  const url = textOf('webhook-url');
  const clientId = textOf('client-id');
  const options = {
    port: numberOf('port'),
    announceOwnSessions: values['announce-own-sessions'],
    controlPort: numberOf('control-port'),
    timeScale: numberOf('time-scale'),
    deadlineScale: numberOf('deadline-scale'),
    requestsPerHour: numberOf('requests-per-hour'),
    apiKey: textOf('api-key'),
    appToken: textOf('app-token'),
    refreshToken: textOf('refresh-token'),
    oauthClient: clientId ? { id: clientId, secret: textOf('client-secret') ?? '' } : undefined,
    urlKey: textOf('url-key'),
    schema: textOf('schema'),
    webhook: url ? { url, secret: textOf('webhook-secret') ?? '' } : undefined,
  };
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

async function main(): Promise<void> {
  if (values.help) {
    process.stdout.write(usage);
    return;
  }
  const linear = await startLinear(optionsFromFlags());
  const { url, graphqlUrl, controlUrl } = linear;
  process.stdout.write(`${JSON.stringify({ ready: true, url, graphqlUrl, controlUrl })}\n`);
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => void linear.stop().then(() => process.exit(0)));
}

main().catch((error: unknown) => {
  process.stderr.write(`linear-stand-in: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
});
