import { plain, type Terminal } from '../terminal.ts';

interface Entry {
  readonly kind: string;
  readonly at: string;
  readonly [field: string]: unknown;
}

/** Follows what a person would see in Linear. Resolves with the last entries' journal number when `until` says so. */
export async function watchLinear(
  controlUrl: string,
  show: (entry: Entry) => void,
  until: (entry: Entry) => boolean,
  signal: AbortSignal,
): Promise<void> {
  const done = new AbortController();
  const response = await fetch(`${controlUrl}/control/stream?since=0`, { signal: AbortSignal.any([signal, done.signal]) });
  if (!response.body) throw new Error('the stand-in for Linear has no stream');
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  try {
    for (;;) {
      const { value, done: ended } = await reader.read();
      if (ended) throw new Error('the stand-in for Linear ended its stream');
      text += value;
      for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
        const data = text
          .slice(0, end)
          .split('\n')
          .find((line) => line.startsWith('data: '));
        text = text.slice(end + 2);
        if (!data) continue;
        const entry = JSON.parse(data.slice(6)) as Entry;
        show(entry);
        if (until(entry)) return;
      }
    }
  } finally {
    reader.read().catch(() => undefined);
    done.abort();
  }
}

const marks: Readonly<Record<string, string>> = { thought: '·', action: '→', response: '✔', error: '✘', elicitation: '?', prompt: '@' };

/** One line of an activity or an issue's change; null for what needs none. */
export function describeEntry(entry: Entry, terminal: Terminal): string | null {
  const time = terminal.style('dim', String(entry.at).slice(11, 19));
  if (entry.kind === 'activity') {
    const content = entry['activity'] as Record<string, unknown>;
    const type = String(content['type'] ?? '');
    const text = type === 'action' ? `${String(content['action'])} ${String(content['parameter'])}` : String(content['body'] ?? '');
    const lines = plain(text).trim().split('\n');
    const mark = `  ${time}  ${terminal.style('cyan', 'Linear')} ${marks[type] ?? '·'} `;
    return lines.map((line, index) => (index === 0 ? mark + line : `                      ${line}`)).join('\n');
  }
  if (entry.kind === 'issue' && entry['change'] === 'updated' && (entry['fields'] as string[]).includes('stateId')) {
    const issue = entry['issue'] as { identifier: string; state: string };
    return `  ${time}  ${terminal.style('cyan', 'Linear')} ▸ ${issue.identifier} is now ${terminal.style('bold', issue.state)}`;
  }
  if (entry.kind === 'attachment') {
    const attachment = entry['attachment'] as { title: string };
    return `  ${time}  ${terminal.style('cyan', 'Linear')} ▸ attached: ${plain(attachment.title)}`;
  }
  return null;
}
