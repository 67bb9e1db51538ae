import type { BudgetRules } from 'cyrus-core/budget';
import type { Clock } from 'cyrus-core/clock';
import type { Config } from 'cyrus-core/config/schema';
import { systemIds } from 'cyrus-core/ids';
import type { Ledger } from 'cyrus-core/ports/ledger';
import { loadPrices, priceList, withOwnPrices } from 'cyrus-core/prices';
import type { OuterProxies } from 'cyrus-sandbox/egress/outer-proxy';
import { createGateway, type DoorRules, type Gateway } from 'cyrus-sandbox/gateway/gateway';
import type { Log } from 'cyrus-store/log';
import { billingOf, createBudgetRules } from '../money/budget-rules.ts';

export interface ModelGatewayOptions {
  readonly config: () => Config;
  readonly ledger: Ledger;
  readonly clock: Clock;
  readonly log: Log;
  readonly outer: OuterProxies;
}

const defaultApiUrl = 'https://api.anthropic.com';

/** The gateway of this host, by its configuration. Prices of the configuration are read anew for each call. */
export async function startModelGateway({ config, ledger, clock, log, outer }: ModelGatewayOptions): Promise<Gateway> {
  const { apiUrl = defaultApiUrl, apiKey = '' } = config().claude;
  const own = () => config().claude.prices;
  return createGateway({
    apiUrl,
    apiKey,
    outer,
    ledger,
    prices: {
      price: withOwnPrices(await loadPrices(), own),
      get name() {
        return own() === undefined ? priceList : `${priceList}, claude.prices`;
      },
    },
    clock,
    ids: systemIds,
    log: (call) => log.debug({ ...call }, 'a call of the model'),
    limited: (limit) => log.warn({ ...limit }, 'the provider limits calls of the model'),
  });
}

/** What the calls of a repository's agents may be. */
export function gatewayRules(config: Config, repositoryId: string | undefined): Pick<DoorRules, 'webSearch' | 'unpriced'> {
  const here = config.repositories.find((repository) => repository.id === repositoryId);
  return {
    webSearch: here?.sandbox?.webSearch ?? config.sandbox.webSearch ?? false,
    unpriced:
      billingOf(config, 'claude') === 'included' ||
      isUnlimited(
        createBudgetRules(() => config),
        repositoryId,
      ),
  };
}

const isUnlimited = (rules: BudgetRules, repositoryId = ''): boolean =>
  Object.values(rules.limits(repositoryId, 'claude')).every((limit) => limit === null);
