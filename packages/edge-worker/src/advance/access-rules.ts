import type { UserAccessConfig, UserIdentifier } from 'cyrus-core/config/pieces';
import type { Config } from 'cyrus-core/config/schema';
import type { AccessRules } from 'cyrus-task-orchestrator/access';

const identifier = (user: UserIdentifier): string => (typeof user === 'string' ? user : 'id' in user ? user.id : user.email);
const list = (users: readonly UserIdentifier[] | undefined): readonly string[] | null => users?.map(identifier) ?? null;

function actionsOf(access: UserAccessConfig | undefined): AccessRules['actions'] {
  return Object.fromEntries(Object.entries(access?.actions ?? {}).map(([action, users]) => [action, list(users) ?? []]));
}

/** Who may do what: blocked lists add up; a repository's own allowed list and actions stand in place of the general ones. */
export function accessRules(config: Config, repositoryId: string | null): AccessRules {
  const general = config.userAccessControl;
  const own = config.repositories.find((repository) => repository.id === repositoryId)?.userAccessControl;
  return {
    allowed: list(own?.allowedUsers) ?? list(general?.allowedUsers),
    blocked: [...(list(general?.blockedUsers) ?? []), ...(list(own?.blockedUsers) ?? [])],
    actions: { ...actionsOf(general), ...actionsOf(own) },
    message:
      (own?.blockBehavior ?? general?.blockBehavior) === 'silent'
        ? 'I cannot act on this message.'
        : (own?.blockMessage ?? general?.blockMessage ?? null),
  };
}

/** True when who may stop work depends on its repository. */
export const stopsPerRepository = (config: Config): boolean => config.repositories.some((repository) => repository.userAccessControl);
