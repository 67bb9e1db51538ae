import { type Answer, answer } from './answer.ts';
import type { FaultRequest } from './faults.ts';
import type { Site } from './handlers.ts';
import type { OperationName } from './operations.ts';
import type { Step } from './script.ts';
import type { CodegenStandIn } from './server.ts';

/** The answer to a `/control/…` request; undefined when there is no such thing. @throws Error for what is wrong with it */
export function control(standIn: CodegenStandIn, site: Site, method: string, url: URL, body: Record<string, unknown>): Answer | undefined {
  switch (`${method} ${url.pathname}`) {
    case 'GET /control/state':
      return answer(200, {
        organisation: site.organisation,
        repositories: site.repositories.map(({ id, fullName }) => ({ id, fullName })),
        runs: site.runs.map(({ steps: _steps, stop: _stop, playing: _playing, repository, ...run }) => ({
          ...run,
          repository: repository?.fullName,
        })),
        faults: site.faults.snapshot(),
      });
    case 'GET /control/calls':
      return answer(200, { calls: standIn.calls((url.searchParams.get('operation') ?? undefined) as OperationName | undefined) });
    case 'POST /control/faults':
      standIn.setFaults(body as FaultRequest);
      return answer(200, site.faults.snapshot());
    case 'POST /control/script':
      standIn.setScript(String(body['match'] ?? ''), body['steps'] as readonly Step[]);
      return answer(200, { ok: true });
    case 'POST /control/go':
      standIn.go(String(body['name']));
      return answer(200, { ok: true });
    case 'POST /control/repositories': {
      const { fullName, remote } = body as { fullName: string; remote?: string };
      return answer(201, { id: standIn.addRepository({ fullName, ...(remote === undefined ? {} : { remote }) }) });
    }
    default:
      return undefined;
  }
}
