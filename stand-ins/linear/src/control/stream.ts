import type { Exchange } from '../http/exchange.ts';
import type { Entry, EntryKind, Journal } from '../journal.ts';

const keepAliveMs = 15_000;

/** `GET /control/stream`: the journal as server-sent events, from `since` or `Last-Event-ID`, else from now. */
export function streamJournal(journal: Journal, exchange: Exchange, kinds: readonly EntryKind[] | undefined): void {
  const { request, response, query } = exchange;
  const from = request.headers['last-event-id'] ?? query.get('since');
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.write(': following\n\n');
  const write = (entry: Entry): void => {
    if (kinds && !kinds.includes(entry.kind)) return;
    response.write(`id: ${entry.seq}\nevent: ${entry.kind}\ndata: ${JSON.stringify(entry)}\n\n`);
  };
  for (const entry of from === null ? [] : journal.since(Number(from))) write(entry);
  const unfollow = journal.follow(write);
  const keepAlive = setInterval(() => response.write(': alive\n\n'), keepAliveMs);
  response.on('close', () => {
    clearInterval(keepAlive);
    unfollow();
  });
}
