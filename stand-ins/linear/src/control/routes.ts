import { type Exchange, HttpError } from '../http/exchange.ts';
import type { EntryKind, Journal } from '../journal.ts';
import type { Control } from './control.ts';
import { streamJournal } from './stream.ts';

const maxWaitMs = 60_000;

/** `/control/*`. @throws HttpError 400, 404 */
export async function answerControl(control: Control, journal: Journal, exchange: Exchange): Promise<void> {
  const [noun = '', id] = exchange.path.split('/').slice(2).map(decodeURIComponent);
  const { query } = exchange;
  switch (`${exchange.method} ${noun}`) {
    case 'GET state':
      return exchange.reply(200, control.state());
    case 'GET issues':
      return exchange.reply(200, found(control.issue(id ?? '')));
    case 'GET sessions':
      return exchange.reply(200, found(control.session(id ?? '')));
    case 'GET activities':
      return exchange.reply(
        200,
        await control.entries(number(query, 'since'), Math.min(number(query, 'wait'), maxWaitMs), kinds(query, 'activity')),
      );
    case 'GET stream':
      return streamJournal(journal, exchange, kinds(query));
    case 'GET calls':
      return exchange.reply(200, control.calls());
    case 'GET grants':
      return exchange.reply(200, control.grants());
    case 'GET deliveries':
      return exchange.reply(200, control.deliveries().slice(number(query, 'since')));
    case 'GET violations':
      return exchange.reply(200, control.violations());
    case 'GET fallbacks':
      return exchange.reply(200, control.fallbacks());
    case 'GET faults':
      return exchange.reply(200, control.faults());
    case 'POST faults':
      return exchange.reply(200, addFaults(control, await exchange.json()));
    case 'DELETE faults':
      control.removeFault(id === undefined ? undefined : Number(id));
      return exchange.reply(200, {});
    case 'POST webhook': {
      const { url, secret } = await exchange.json();
      control.setWebhook(url ? { url: String(url), secret: String(secret ?? '') } : undefined);
      return exchange.reply(200, {});
    }
    default:
      throw new HttpError(404, `nothing at ${exchange.method} ${exchange.path}`);
  }
}

function addFaults(control: Control, body: unknown): unknown {
  return Array.isArray(body) ? body.map((fault) => control.addFault(fault)) : control.addFault(body);
}

function found<T>(value: T | undefined): T {
  if (value === undefined) throw new HttpError(404, 'no such thing');
  return value;
}

function number(query: URLSearchParams, name: string): number {
  const value = Number(query.get(name) ?? 0);
  if (!Number.isFinite(value) || value < 0) throw new HttpError(400, `${name} must be a number`);
  return value;
}

function kinds(query: URLSearchParams, fallback?: EntryKind): readonly EntryKind[] | undefined {
  const wanted = query.get('kinds') ?? fallback;
  return wanted === undefined || wanted === 'all' ? undefined : (wanted.split(',') as EntryKind[]);
}
