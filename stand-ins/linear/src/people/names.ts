/** From the names that people use to the ids of rows. */
import { HttpError } from '../http/exchange.ts';
import type { TeamRow, UserRow } from '../rows/tables.ts';
import type { World } from '../world.ts';

export function userNamed(world: World, name: string): UserRow {
  const wanted = name.toLowerCase();
  const user = world.store.all('User').find((each) => each.displayName === wanted || each.id === name || each.email === wanted);
  if (!user) throw new HttpError(404, `no person ${name}`);
  return user;
}

export function teamOf(world: World, key: string | undefined): TeamRow {
  const team = key === undefined ? world.team : world.store.find('Team', key);
  if (!team) throw new HttpError(404, `no team ${key}`);
  return team;
}

export function stateId(world: World, teamId: string, name: string): string {
  const states = world.store.where('WorkflowState', 'teamId', teamId);
  const state = states.find((each) => each.name.toLowerCase() === name.toLowerCase());
  if (!state) throw new HttpError(404, `no state ${name}; there are ${states.map((each) => each.name).join(', ')}`);
  return state.id;
}

/** Labels by name; those that do not exist are created. */
export function labelIds(world: World, names: readonly string[]): string[] {
  return names.map((name) => {
    const known = world.store.where('IssueLabel', 'name', name)[0];
    return (known ?? world.store.insert('IssueLabel', { name, color: '#bec2c8', teamId: null, parentId: null, isGroup: false })).id;
  });
}

/** A project by name; one that does not exist is created. */
export function projectId(world: World, name: string): string {
  const known = world.store.where('Project', 'name', name)[0];
  if (known) return known.id;
  const status = world.store.all('ProjectStatus')[0]?.id ?? '';
  const slugId = name.toLowerCase().replace(/[^a-z0-9]+/g, '-');
  const url = `https://linear.app/${world.organization.urlKey}/project/${slugId}`;
  return world.store.insert('Project', { name, description: '', slugId, url, statusId: status }).id;
}
