import { linearWorkspaces } from 'cyrus-core/config/workspaces';
import { formatDuration } from 'cyrus-core/duration';
import type { Health } from 'cyrus-store/queries/health-read';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

export interface WebhookFacts {
  readonly secret: boolean;
  /** The service runs now. */
  readonly running: boolean;
  readonly health: Pick<Health, 'webhooks' | 'refused'> | undefined;
  readonly now: number;
  /** Where the service listens. */
  readonly port: number;
}

export function judgeWebhooks({ secret, running, health, now, port }: WebhookFacts): Finding {
  const name = 'webhooks';
  if (!secret)
    return error(name, 'no signing secret', {
      why: 'Every webhook is refused: nothing that happens in Linear is heard.',
      fix: 'Set LINEAR_WEBHOOK_SECRET (or linear.webhookSecret) to the secret that Linear shows at the webhook.',
    });
  if (!health) return ok(name, 'the signing secret is set');
  const { count, lastAt } = health.webhooks;
  const { reasons, lastAt: refusedAt } = health.refused;
  const total = Object.values(reasons).reduce((sum, n) => sum + n, 0);
  if (refusedAt !== null && refusedAt > (lastAt ?? 0)) {
    const list = Object.entries(reasons)
      .map(([reason, n]) => `${n} × ${reason}`)
      .join(', ');
    const late = reasons['too_old'] !== undefined || reasons['from_the_future'] !== undefined;
    return error(name, `${total} refused in the last day (${list}), and none accepted since`, {
      why: 'Nothing that happens in Linear is heard.',
      fix:
        late && reasons['signature_wrong'] === undefined
          ? 'Set the clock of this machine: webhooks are refused by their time.'
          : 'The signing secret is another one’s: copy it anew from Linear’s webhook settings into LINEAR_WEBHOOK_SECRET, and restart.',
    });
  }
  if (lastAt === null)
    return running
      ? warning(name, 'none has arrived yet', {
          why: 'Either nothing happened in Linear, or its webhooks do not get here.',
          fix: `In Linear, let the webhook go to https://YOUR-HOST/webhooks/linear, reach port ${port} from there (a tunnel will do), and mention Cyrus in an issue.`,
        })
      : ok(name, 'the signing secret is set; none has arrived yet');
  const refusals = total > 0 ? `; ${total} refused in the last day` : '';
  return ok(name, `${count} so far, the last ${formatDuration(Math.max(0, now - lastAt))} ago${refusals}`);
}

export const webhooksCheck: Check<ConfiguredPatient> = {
  name: 'webhooks',
  async run({ config, database }) {
    const facts = await database();
    const secrets = [config.linear.webhookSecret, ...Object.values(config.linearWorkspaces).map(({ webhookSecret }) => webhookSecret)];
    if (linearWorkspaces(config).length === 0 && secrets.every((secret) => secret === undefined)) return [];
    const open = facts.state === 'open' ? facts : undefined;
    return [
      judgeWebhooks({
        secret: secrets.some((secret) => secret !== undefined),
        running: open?.status.running ?? false,
        health: open?.health,
        now: open?.status.now ?? 0,
        port: config.server.port,
      }),
    ];
  },
};
