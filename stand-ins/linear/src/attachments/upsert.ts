import type { AttachmentRow } from '../rows/tables.ts';
import { noteWrite } from '../sessions/stop.ts';
import type { Actor, World } from '../world.ts';

export interface AttachmentInput {
  readonly id?: string | null | undefined;
  readonly issueId: string;
  readonly url: string;
  readonly title: string;
  readonly subtitle?: string | null | undefined;
  readonly metadata?: Readonly<Record<string, unknown>> | null | undefined;
  readonly sourceType?: string;
}

/** Creates an attachment, or changes the one that this issue has for the URL: an URL is attached once. */
export function upsertAttachment(world: World, input: AttachmentInput, actor: Actor): AttachmentRow {
  const { store } = world;
  const issue = store.get('Issue', input.issueId);
  const columns = {
    title: input.title,
    subtitle: input.subtitle ?? null,
    url: input.url,
    metadata: input.metadata ?? {},
    sourceType: input.sourceType ?? null,
    groupBySource: false,
  };
  const existing = store.where('Attachment', 'issueId', issue.id).find((attachment) => attachment.url === input.url);
  if (existing) store.update('Attachment', existing, columns);
  const attachment =
    existing ?? store.insert('Attachment', { id: input.id ?? undefined, issueId: issue.id, creatorId: actor.user.id, ...columns });
  if (actor.user.id === world.app.id) noteWrite(world, issue.id, 'attachmentCreate', actor.arrivedAt);
  const { id, title, subtitle, url } = attachment;
  world.journal.add('attachment', { issue: issue.identifier, by: actor.user.name, attachment: { id, title, subtitle, url } });
  return attachment;
}
