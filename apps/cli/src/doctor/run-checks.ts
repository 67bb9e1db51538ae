import type { Clock } from 'cyrus-core/clock';
import type { Check, Patient } from './check.ts';
import { error, type Finding, warning } from './finding.ts';

/** Runs all checks at once and gives what they found in the checks' order; one that breaks or takes too long is itself a finding. */
export async function* runChecks<P extends Patient>(
  checks: readonly Check<P>[],
  patient: P,
  { withinMs, clock }: { readonly withinMs: number; readonly clock: Clock },
): AsyncGenerator<Finding> {
  const over = new AbortController();
  const late = clock.sleep(withinMs, over.signal);
  const under: Promise<readonly Finding[]>[] = checks.map(async ({ name, run }) => {
    const outcome = await Promise.race([
      Promise.resolve()
        .then(() => run(patient))
        .catch((cause) => [broken(name, cause)]),
      late,
    ]);
    return outcome ?? [tooSlow(name, withinMs)];
  });
  try {
    for (const found of under) yield* await found;
  } finally {
    over.abort();
  }
}

const tooSlow = (name: string, withinMs: number): Finding =>
  warning(name, `no result within ${withinMs / 1000} s`, {
    why: 'What is looked at does not answer, or this machine is very busy.',
    fix: 'Run cyrus doctor again; if it stays, look at the network and the load of this machine.',
  });

const broken = (name: string, cause: unknown): Finding =>
  error(name, cause instanceof Error ? cause.message : String(cause), {
    why: 'The check itself could not be made.',
    fix: 'Mend what the message says, and run cyrus doctor again.',
  });
