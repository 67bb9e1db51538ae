import type { Store } from './store.ts';
import type { OrganizationRow, TeamRow, UserRow } from './tables.ts';

/** The workspace every server starts with. */
export interface Workspace {
  readonly organization: OrganizationRow;
  readonly ada: UserRow;
  readonly grace: UserRow;
  /** The agent: an app user that may be delegated to and mentioned. */
  readonly app: UserRow;
  readonly team: TeamRow;
}

const states: readonly (readonly [name: string, type: string, position: number])[] = [
  ['Triage', 'triage', 0],
  ['Backlog', 'backlog', 1],
  ['Todo', 'unstarted', 2],
  ['In Progress', 'started', 1001],
  ['In Review', 'started', 1002],
  ['Done', 'completed', 2000],
  ['Canceled', 'canceled', 3000],
];

export function seedWorkspace(store: Store, urlKey: string): Workspace {
  const user = (name: string, app: boolean): UserRow => {
    const displayName = name.toLowerCase();
    const email = app ? `${displayName}@oauthapp.linear.app` : `${displayName}@example.test`;
    const url = `https://linear.app/${urlKey}/profiles/${displayName}`;
    return store.insert('User', { name, displayName, email, url, app, active: true, avatarUrl: null });
  };
  const organization = store.insert('Organization', { name: 'Local', urlKey });
  const [ada, grace, app] = [user('Ada', false), user('Grace', false), user('Cyrus', true)];
  const team = seedTeam(store, organization, 'ENG', 'Engineering');
  for (const name of ['Bug', 'Feature'])
    store.insert('IssueLabel', { name, color: name === 'Bug' ? '#eb5757' : '#bb87fc', teamId: null, parentId: null, isGroup: false });
  store.insert('ProjectStatus', { name: 'In Progress', type: 'started' });
  return { organization, ada, grace, app, team };
}

/** A team with the seven workflow states. */
export function seedTeam(store: Store, organization: OrganizationRow, key: string, name: string): TeamRow {
  const team = store.insert('Team', {
    name,
    displayName: name,
    key,
    organizationId: organization.id,
    parentId: null,
  });
  for (const [state, type, position] of states)
    store.insert('WorkflowState', { name: state, type, position, color: '#95a2b3', teamId: team.id });
  return team;
}
