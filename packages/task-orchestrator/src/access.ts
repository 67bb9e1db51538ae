/** What a person may want of a session. `approve` and `spend` answer questions of policy. */
export type AccessAction = 'trigger' | 'steer' | 'answer' | 'stop' | 'approve' | 'spend';

export interface Sender {
  /** linear | cli. Who is at the terminal of the host is its operator. */
  readonly source: string;
  /** Null: an automation, or nobody the tracker knows. */
  readonly id: string | null;
  readonly email: string | null;
}

/** Who may do what, as the configuration says for one repository. */
export interface AccessRules {
  /** Null: everybody who is not blocked. */
  readonly allowed: readonly string[] | null;
  readonly blocked: readonly string[];
  /** Lists of their own for single actions. */
  readonly actions: Readonly<Partial<Record<AccessAction, readonly string[]>>>;
  /** Said to whoever is refused; null: the usual words. */
  readonly message: string | null;
}

export const openAccess: AccessRules = { allowed: null, blocked: [], actions: {}, message: null };

const names = (list: readonly string[], sender: Sender): boolean =>
  list.some((entry) => {
    const wanted = entry.trim().toLowerCase();
    if (wanted === '*') return true;
    if (sender.id === null) return wanted === 'automation';
    return wanted === sender.id.toLowerCase() || (sender.email !== null && wanted === sender.email.toLowerCase());
  });

/** True when the rules let `sender` do it. Being blocked wins over everything. Pure. */
export function mayDo(rules: AccessRules, sender: Sender, action: AccessAction): boolean {
  if (sender.source === 'cli') return true;
  if (sender.id !== null && names(rules.blocked, sender)) return false;
  const list = rules.actions[action] ?? rules.allowed;
  return list === null || names(list, sender);
}

const what: Readonly<Record<AccessAction, string>> = {
  trigger: 'give me work',
  steer: 'direct this work',
  answer: 'answer for this work',
  stop: 'stop this work',
  approve: 'approve this',
  spend: 'decide on money here',
};

/** The polite refusal: what was not done, and who can change that. */
export function refusal(rules: AccessRules, name: string | null, action: AccessAction): string {
  if (rules.message?.trim()) return rules.message;
  const who = name ? `${name}, you` : 'You';
  return `${who} are not on the list of people who may ${what[action]}, so I did nothing with that message. Whoever runs Cyrus can add you (userAccessControl in its configuration).`;
}
