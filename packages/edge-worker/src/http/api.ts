import { createHash, timingSafeEqual } from 'node:crypto';
import { FailureError } from 'cyrus-core/failure';
import type { Ids } from 'cyrus-core/ids';
import type { Database } from 'cyrus-store/pool';
import { analysisOf, decisionsOf } from 'cyrus-store/queries/decision-list';
import { openQuestions } from 'cyrus-store/queries/question-list';
import { listTasks } from 'cyrus-store/queries/task-list';
import { type Context, Hono } from 'hono';
import type { Ingest } from '../ingest/ingest.ts';
import { findTask } from '../people/find-task.ts';
import { giveOrder, type OrderKind, orders } from '../people/orders.ts';

export interface ApiOptions {
  readonly db: Database;
  readonly ingest: Pick<Ingest, 'say'>;
  readonly ids: Ids;
  /** The bearer token; undefined: nobody may use this. */
  readonly token: () => string | undefined;
}

const maxTextBytes = 64 * 1024;

/** `/api/v1`: what a person can see and say, for programs. Every call needs `Authorization: Bearer TOKEN`. */
export function createApi({ db, ingest, ids, token }: ApiOptions): Hono {
  const api = new Hono();
  api.use('*', async (c, next) => {
    const wanted = token();
    if (wanted === undefined)
      return c.json({ error: 'the API is off', fix: 'Set server.apiToken in the configuration, or CYRUS_API_TOKEN.' }, 403);
    const given = /^Bearer (.+)$/.exec(c.req.header('authorization') ?? '')?.[1] ?? '';
    if (!same(given, wanted)) return c.json({ error: 'the bearer token is wrong or missing' }, 401);
    return await next();
  });
  api.get('/tasks', async (c) => {
    const limit = Math.min(500, Math.max(1, Number(c.req.query('limit') ?? 100) || 100));
    return c.json({ tasks: await listTasks(db, { limit, liveOnly: c.req.query('live') === 'true' }) });
  });
  api.get('/tasks/:task/decisions', async (c) => {
    try {
      const task = await findTask(db, c.req.param('task'));
      const [analysis, decisions] = await Promise.all([analysisOf(db, task.taskId), decisionsOf(db, task.taskId)]);
      return c.json({ task, analysis, decisions });
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      const { message, fix } = error.failure;
      return c.json({ error: message, ...(fix ? { fix } : {}) }, 404);
    }
  });
  api.get('/questions', async (c) => c.json({ questions: await openQuestions(db) }));
  api.post('/tasks/:task/:order', (c) => order(c, c.req.param('task'), c.req.param('order')));
  api.post('/questions/:question/answer', (c) => order(c, c.req.param('question'), 'answer'));
  api.notFound((c) => c.json({ error: 'there is nothing at this address' }, 404));

  async function order(c: Context, name: string, kind: string): Promise<Response> {
    if (!orders.includes(kind as OrderKind)) return c.json({ error: `there is no order "${kind}"`, allowed: orders }, 404);
    if (Number(c.req.header('content-length') ?? 0) > maxTextBytes) return c.json({ error: 'the body is too large' }, 413);
    const body = (await c.req.json().catch(() => ({}))) as { text?: unknown; author?: unknown; id?: unknown };
    if (body.text !== undefined && typeof body.text !== 'string')
      return c.json({ error: 'text: expected a text', fix: 'Send {"text": "…"}' }, 400);
    try {
      const taken = await giveOrder(db, ingest, name, {
        kind: kind as OrderKind,
        author: typeof body.author === 'string' && body.author.trim() ? body.author.slice(0, 100) : 'API',
        id: typeof body.id === 'string' && body.id.trim() ? body.id.slice(0, 100) : ids.next(),
        ...(body.text === undefined ? {} : { text: body.text.slice(0, maxTextBytes) }),
      });
      return c.json(taken, 202);
    } catch (error) {
      if (!(error instanceof FailureError)) throw error;
      const { message, fix } = error.failure;
      return c.json({ error: message, ...(fix ? { fix } : {}) }, 409);
    }
  }
  return api;
}

function same(given: string, wanted: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(wanted));
}
