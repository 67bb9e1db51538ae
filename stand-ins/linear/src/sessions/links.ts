import { invalidInput } from '../errors.ts';
import type { AgentSessionRow, ChecklistItem, ExternalLink } from '../rows/tables.ts';
import type { World } from '../world.ts';

export interface LinkChanges {
  readonly externalUrls?: readonly ExternalLink[] | null;
  readonly addedExternalUrls?: readonly ExternalLink[] | null;
  readonly removedExternalUrls?: readonly string[] | null;
}

/** Replaces or extends the external URLs of a session. @throws GraphQLError INPUT_ERROR when a URL comes twice */
export function changeLinks(world: World, session: AgentSessionRow, changes: LinkChanges): void {
  const removed = changes.removedExternalUrls ?? [];
  const kept = changes.externalUrls ?? session.externalLinks.filter((link) => !removed.includes(link.url));
  const links = [...kept, ...(changes.externalUrls ? [] : (changes.addedExternalUrls ?? []))].map(({ label, url }) => ({ label, url }));
  if (new Set(links.map((link) => link.url)).size !== links.length)
    throw invalidInput('Argument Validation Error', 'externalUrls must contain unique urls.');
  const externalLinks = links.map((link) => ({ __typename: 'AgentSessionExternalLink', ...link }));
  world.store.update('AgentSession', session, { externalLinks, externalUrls: links, externalLink: links[0]?.url ?? null });
}

const itemStates = new Set(['pending', 'inProgress', 'completed', 'canceled']);

/**
 * A session's checklist. Declared `JSONObject`, documented and used as an array, replaced whole.
 * @throws GraphQLError INPUT_ERROR
 */
export function checkChecklist(plan: unknown): readonly ChecklistItem[] | null {
  if (plan === null) return null;
  const valid = Array.isArray(plan) && plan.every((item) => typeof item?.content === 'string' && itemStates.has(item.status));
  if (!valid)
    throw invalidInput('Argument Validation Error', `plan must be an array of {content, status: ${[...itemStates].join(' | ')}}.`);
  return plan as readonly ChecklistItem[];
}
