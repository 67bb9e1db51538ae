import { runState, statusState } from './checks.ts';
import type { CheckState } from './code-host.ts';
import type { VerifiedWebhook } from './webhook.ts';

interface Common {
  /** `owner/name` */
  readonly repository: string;
  /** Who caused it; `ghost` when the account is gone. */
  readonly by: string;
}

/** What happened on the code host, as far as plans care. */
export type CodeHostEvent = Common &
  (
    | {
        readonly type: 'pull_request_closed';
        readonly number: number;
        /** For people; it is as the code host gives it everywhere. */
        readonly url: string;
        readonly merged: boolean;
        readonly mergeCommitSha?: string;
        readonly head: string;
        readonly headSha: string;
        readonly base: string;
      }
    | {
        readonly type: 'checks_completed';
        /** One run or status, or the whole suite of one app. */
        readonly scope: 'check' | 'suite';
        readonly name: string;
        readonly state: Exclude<CheckState, 'pending'>;
        readonly sha: string;
        /** Those the host names; it leaves out forks. */
        readonly pullRequests: readonly number[];
      }
    | {
        readonly type: 'comment_created';
        readonly number: number;
        readonly onPullRequest: boolean;
        readonly commentId: number;
        readonly body: string;
        readonly byBot: boolean;
      }
    | {
        readonly type: 'review_submitted';
        readonly number: number;
        readonly reviewId: number;
        readonly verdict: 'approved' | 'changes_requested' | 'commented';
        readonly body: string;
        readonly headSha: string;
      }
    | { readonly type: 'push'; readonly ref: string; readonly before: string; readonly after: string; readonly deleted: boolean }
  );

/** What an app may reach has changed: tokens that were given out are to be asked for anew. */
export interface AccessChanged {
  readonly type: 'access_changed';
  /** The user or organisation. */
  readonly account: string;
  /** As GitHub names it: `deleted`, `suspend`, `unsuspend`, `new_permissions_accepted`, `created`, `added`, `removed`. */
  readonly action: string;
}

/** Reads a verified webhook. Undefined: an event or action plans do not care about, or one without the fields it must have. Pure. */
export function parseEvent({ event, payload }: Pick<VerifiedWebhook, 'event' | 'payload'>): CodeHostEvent | AccessChanged | undefined {
  const root = reader(payload);
  if (event === 'installation' || event === 'installation_repositories') return accessChanged(root);
  const repository = root.at('repository').text('full_name');
  if (repository === undefined) return undefined;
  const common: Common = { repository, by: root.at('sender').text('login') ?? 'ghost' };
  const read = readers[`${event}.${root.text('action') ?? ''}`];
  return read?.(root, common);
}

function accessChanged(root: Reader): AccessChanged | undefined {
  const [account, action] = [root.at('installation').at('account').text('login'), root.text('action')];
  return account === undefined || action === undefined ? undefined : { type: 'access_changed', account, action };
}

type Read = (root: Reader, common: Common) => CodeHostEvent | undefined;

const readers: Readonly<Record<string, Read>> = {
  'pull_request.closed': (root, common) => {
    const pull = root.at('pull_request');
    const [number, url, head, headSha, base] = [
      pull.count('number'),
      pull.text('html_url'),
      pull.at('head').text('ref'),
      pull.at('head').text('sha'),
      pull.at('base').text('ref'),
    ];
    if (number === undefined || url === undefined || head === undefined || headSha === undefined || base === undefined) return undefined;
    const merged = pull.flag('merged');
    const sha = pull.text('merge_commit_sha');
    return {
      ...common,
      type: 'pull_request_closed',
      number,
      url,
      merged,
      head,
      headSha,
      base,
      ...(merged && sha ? { mergeCommitSha: sha } : {}),
    };
  },
  'check_run.completed': (root, common) => completed(root.at('check_run'), 'check', common),
  'check_suite.completed': (root, common) => completed(root.at('check_suite'), 'suite', common),
  'status.': (root, common) => {
    const [name, state, sha] = [root.text('context'), root.text('state'), root.text('sha')];
    if (name === undefined || state === undefined || state === 'pending' || sha === undefined) return undefined;
    const settled = statusState(state) === 'success' ? 'success' : 'failure';
    return { ...common, type: 'checks_completed', scope: 'check', name, state: settled, sha, pullRequests: [] };
  },
  'issue_comment.created': (root, common) => {
    const [issue, comment] = [root.at('issue'), root.at('comment')];
    const [number, commentId] = [issue.count('number'), comment.count('id')];
    if (number === undefined || commentId === undefined) return undefined;
    const byBot = comment.at('user').text('type') === 'Bot';
    return {
      ...common,
      type: 'comment_created',
      number,
      commentId,
      body: comment.text('body') ?? '',
      onPullRequest: issue.has('pull_request'),
      byBot,
    };
  },
  'pull_request_review.submitted': (root, common) => {
    const [pull, review] = [root.at('pull_request'), root.at('review')];
    const [number, reviewId, headSha] = [pull.count('number'), review.count('id'), pull.at('head').text('sha')];
    const verdict = (['approved', 'changes_requested', 'commented'] as const).find(
      (known) => known === review.text('state')?.toLowerCase(),
    );
    if (number === undefined || reviewId === undefined || headSha === undefined || verdict === undefined) return undefined;
    return { ...common, type: 'review_submitted', number, reviewId, verdict, body: review.text('body') ?? '', headSha };
  },
  'push.': (root, common) => {
    const [ref, before, after] = [root.text('ref'), root.text('before'), root.text('after')];
    if (ref === undefined || before === undefined || after === undefined) return undefined;
    return { ...common, type: 'push', ref, before, after, deleted: root.flag('deleted') };
  },
};

function completed(check: Reader, scope: 'check' | 'suite', common: Common): CodeHostEvent | undefined {
  const [sha, conclusion] = [check.text('head_sha'), check.text('conclusion')];
  if (sha === undefined || conclusion === undefined) return undefined;
  return {
    ...common,
    type: 'checks_completed',
    scope,
    name: (scope === 'check' ? check.text('name') : check.at('app').text('name')) ?? 'checks',
    state: runState('completed', conclusion) === 'success' ? 'success' : 'failure',
    sha,
    pullRequests: check.list('pull_requests').flatMap((pull) => pull.count('number') ?? []),
  };
}

/** Reads fields of unknown JSON without believing in any of them. */
interface Reader {
  at(key: string): Reader;
  text(key: string): string | undefined;
  count(key: string): number | undefined;
  flag(key: string): boolean;
  has(key: string): boolean;
  list(key: string): readonly Reader[];
}

function reader(value: unknown): Reader {
  const fields = typeof value === 'object' && value !== null ? (value as Readonly<Record<string, unknown>>) : {};
  const get = (key: string): unknown => (Object.hasOwn(fields, key) ? fields[key] : undefined);
  return {
    at: (key) => reader(get(key)),
    text: (key) => {
      const found = get(key);
      return typeof found === 'string' ? found : undefined;
    },
    count: (key) => {
      const found = get(key);
      return typeof found === 'number' ? found : undefined;
    },
    flag: (key) => get(key) === true,
    has: (key) => get(key) !== undefined && get(key) !== null,
    list: (key) => {
      const found = get(key);
      return Array.isArray(found) ? found.map(reader) : [];
    },
  };
}
