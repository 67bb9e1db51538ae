import type { ClaimedWrite } from 'cyrus-store/queries/outbound-claim';

type Loose = Readonly<Record<string, unknown>>;

/** Said once a turn, where the activities of a person's key become comments. */
export const commentNote =
  'Linear takes an agent’s activities only from an application, and my token is a person’s API key: so I answer in comments, without signs of progress. `cyrus linear login` changes that.';

/** Writes that only an application may make. */
export const agentKinds: ReadonlySet<string> = new Set(['activity', 'checklist', 'externalUrls']);

/**
 * The comment that stands for a write of the agent where Linear refuses the write itself; null for what is only a sign of
 * progress. Acknowledgement, route, interim and closing answers, questions and errors are what people must see.
 */
export function decideComment(write: Pick<ClaimedWrite, 'kind' | 'key' | 'payload'>): string | null {
  if (write.kind !== 'activity') return null;
  const content = asLoose(write.payload['content']);
  const body = typeof content['body'] === 'string' ? content['body'] : '';
  switch (content['type']) {
    case 'thought':
      if (/^turn:.*:ack$/.test(write.key)) return `${body}\n\n_${commentNote}_`;
      return /^plan:[^:]*:(?:route|more)(?::|$)/.test(write.key) ? body : null;
    case 'elicitation':
      return [body, options(write.payload), '_Answer in the agent session of this issue._'].filter((part) => part !== '').join('\n\n');
    case 'response':
    case 'error':
      return body;
    default:
      return null;
  }
}

/** What the buttons of a question would have said. */
function options(payload: Loose): string {
  const metadata = asLoose(payload['signalMetadata']);
  if (typeof metadata['url'] === 'string') return metadata['url'];
  const choices = Array.isArray(metadata['options']) ? metadata['options'].map(asLoose) : [];
  return choices.map(({ label, value }) => `- ${String(label ?? value)}`).join('\n');
}

function asLoose(value: unknown): Loose {
  return typeof value === 'object' && value !== null ? (value as Loose) : {};
}
