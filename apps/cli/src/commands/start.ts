import { systemClock } from 'cyrus-core/clock';
import { linearLogins } from 'cyrus-edge-worker/broker/linear-logins';
import { exitCode } from '../cli-error.ts';
import type { CommandContext } from '../context.ts';
import { type Serving, serve } from '../serve.ts';
import { onSignals } from '../signals.ts';
import { version } from '../version.ts';

/** `cyrus start`: serves until told to end. The first SIGTERM or SIGINT drains, the second ends at once. */
export async function start({ home, config, terminal }: CommandContext, options: { readonly json?: boolean }): Promise<void> {
  const settings = config();
  let taken = (): void => undefined;
  const takenOver = new Promise<void>((resolve) => {
    taken = resolve;
  });
  let serving: Serving | undefined;
  let endedEarly = false;
  const over = Promise.withResolvers<void>();
  // From the beginning: a start that is cut off would leave a database that nobody looks after.
  onSignals(
    () => {
      endedEarly = serving === undefined;
      if (!serving) return terminal.err('Ending as soon as the start is through. Press again to end at once; nothing is lost either way.');
      terminal.err(
        `Draining: agents get ${Math.round(settings.drainMs / 1000)} s. Press again to end at once; nothing is lost either way.`,
      );
      void serving.end(settings.drainMs).then(over.resolve);
    },
    () => process.exit(exitCode.failed),
  );
  serving = await serve(home, settings, { http: true, onTakenOver: taken });
  if (endedEarly) return serving.end(0);
  const { store } = serving;
  void takenOver.then(async () => {
    terminal.err('Another cyrus start has taken this home over.');
    process.exitCode = exitCode.failed;
    await store.close();
    over.resolve();
  });
  const { address } = serving.service;
  const url = `http://${address?.host}:${address?.port}`;
  if (options.json) {
    terminal.out(
      JSON.stringify({ ready: true, url, pid: process.pid, home: home.directory, isolation: serving.isolation.isolation, version }),
    );
  } else {
    terminal.err(`Cyrus ${version} is running.`);
    terminal.err(`  webhooks    ${url}/webhooks/linear`);
    terminal.err(`  home        ${home.directory}`);
    terminal.err(`  database    ${serving.store.description}`);
    terminal.err(
      `  isolation   ${serving.isolation.isolation}${serving.isolation.isolation === 'none' ? ': agents can read and write whatever this user can' : ''}`,
    );
    terminal.err(`  agents      up to ${serving.service.slots} at once`);
    terminal.err(
      `  repositories ${settings.repositories.map((repository) => repository.id).join(', ') || 'none configured: add one to config.json'}`,
    );
    if ((await linearLogins(settings, home.directory, systemClock)).length === 0)
      terminal.err(
        '  Linear      no access: set LINEAR_CLIENT_ID, LINEAR_CLIENT_SECRET and LINEAR_WEBHOOK_SECRET, then: cyrus linear login',
      );
    if (!settings.github.token && !settings.github.app && !settings.repositories.some((repository) => repository.githubToken))
      terminal.err('  GitHub      no token: work ends with a pushed branch; set GITHUB_TOKEN, or github.app, for pull requests');
    terminal.err('See more with: cyrus status, cyrus tasks, cyrus doctor');
  }
  await over.promise;
}
