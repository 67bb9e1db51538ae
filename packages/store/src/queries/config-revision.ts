import { createHash } from 'node:crypto';
import type { Queryable } from '../pool.ts';

/** Notes the configuration in force, once per content. What looks like a secret is left out. */
export async function saveConfigRevision(db: Queryable, config: object): Promise<void> {
  const text = JSON.stringify(config, (key, value: unknown) =>
    /(token|secret|apikey|password|environmentvariables|url)$/i.test(key) ? undefined : value,
  );
  const hash = createHash('sha256').update(text).digest('hex');
  await db.query(
    'insert into cyrus.config_revision (hash, config) values ($1, $2) on conflict (hash) do update set applied_at = clock_timestamp()',
    [hash, text],
  );
}
