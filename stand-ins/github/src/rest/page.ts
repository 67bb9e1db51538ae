import { type Answer, answer } from '../answer.ts';
import type { Call } from './context.ts';

/** One page of a list with the `link` header that leads to the next one: 30 a page, 100 at most. */
export function page<T>(call: Call, path: string, items: readonly T[], wrap: (slice: readonly T[]) => unknown = (slice) => slice): Answer {
  const size = Math.min(100, Math.max(1, Number(call.query.get('per_page') ?? 30) || 30));
  const number = Math.max(1, Number(call.query.get('page') ?? 1) || 1);
  const last = Math.max(1, Math.ceil(items.length / size));
  const body = wrap(items.slice((number - 1) * size, number * size));
  if (last === 1) return answer(200, body);
  const link = (to: number, rel: string): string => {
    const query = new URLSearchParams(call.query);
    query.set('page', String(to));
    return `<${call.site.url}${path}?${query}>; rel="${rel}"`;
  };
  const links = [
    ...(number > 1 ? [link(number - 1, 'prev'), link(1, 'first')] : []),
    ...(number < last ? [link(number + 1, 'next'), link(last, 'last')] : []),
  ];
  return { status: 200, body, headers: { link: links.join(', ') } };
}
