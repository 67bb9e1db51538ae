import type { SavedWork } from 'cyrus-checkouts/saved-work';
import type { Instant } from 'cyrus-core/clock';

export interface SavedFacts {
  readonly now: Instant;
  readonly liveIds: ReadonlySet<string>;
  readonly liveShas: ReadonlySet<string>;
  /** When the task of each attempt ended. */
  readonly ends: ReadonlyMap<string, Instant>;
  readonly keepWipDays: number;
  readonly keepUnpushedDays: number;
}

const dayMs = 86_400_000;

/** Why the name of this saved work may go; undefined: it stays. Work that is nowhere else stays for `keepUnpushedDays`. Pure. */
export function decideSaved(saved: SavedWork, facts: SavedFacts): string | undefined {
  const owner = saved.name.replace(/-removed$/, '');
  if (facts.liveIds.has(owner) || facts.liveShas.has(saved.sha)) return undefined;
  // Of work that nobody knows, the later of the two times counts for sure: its commit was made before its task ended.
  const since = Math.max(facts.ends.get(owner) ?? 0, saved.committedAt);
  const days = saved.onRemote ? facts.keepWipDays : facts.keepUnpushedDays;
  if (facts.now - since < days * dayMs) return undefined;
  return saved.onRemote ? `on the remote, and over for ${days} days` : `over for ${days} days`;
}
