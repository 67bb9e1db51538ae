import type { AttachedFiles } from 'cyrus-core/domain/plan';
import type { HostJob } from 'cyrus-store/queries/job-row';
import { block, inline } from 'cyrus-task-orchestrator/prompts/blocks';
import type { Attachments } from './attachments.ts';

/** What a running agent gets of uploads. */
export interface AgentFiles {
  /** To be readable for the agent from its start: later files come there as well. */
  readonly directory: string;
  /** The text, with the files behind it that it refers to and that were not listed in it. */
  enrich(text: string, signal: AbortSignal): Promise<string>;
}

/** Undefined where there is no task whose files they could be. */
export async function agentFiles(attachments: Attachments, { planId, taskId }: HostJob): Promise<AgentFiles | undefined> {
  if (planId === null || taskId === null) return undefined;
  return {
    directory: await attachments.directoryOf(taskId),
    async enrich(text, signal) {
      const isListed = ({ name }: { readonly name: string }): boolean => text.includes(missingLine({ name, why: '' }).slice(0, -1));
      const found = await attachments.forMessage(planId, taskId, text, signal, isListed);
      const lines = [
        ...(found?.files ?? []).filter(({ path }) => !text.includes(path)).map(fileLine),
        ...(found?.missing ?? []).map(missingLine),
      ];
      return lines.length === 0 ? text : `${text}\n\n${block('attachments', lines.join('\n'))}`;
    },
  };
}

type File = AttachedFiles['files'][number];
const fileLine = ({ path, name, mediaType, bytes, url }: File): string =>
  `- ${path} (${inline(name)}, ${inline(mediaType)}, ${bytes} bytes), in the texts ${inline(url)}`;
const missingLine = ({ name, why }: { readonly name: string; readonly why: string }): string =>
  `- not here: ${inline(name)} (${inline(why)})`;
