import { type Answer, answer, type FieldMistake, invalid, noRepos, noRun, refusal } from './answer.ts';
import type { Faults } from './faults.ts';
import type { Limits } from './limits.ts';
import type { Operation } from './operations.ts';
import { addLog, play, type Stage } from './play.ts';
import { defaultSteps, type Step, scriptInText } from './script.ts';
import { logsBody, type PageRequest, page, repositoryBody, runBody, type View } from './views.ts';
import { endedStatuses, type Repository, type Run } from './world.ts';

/** Everything the service holds. */
export interface Site {
  readonly organisation: { readonly id: number; readonly name: string };
  readonly repositories: Repository[];
  /** Oldest first. */
  readonly runs: Run[];
  readonly rules: { readonly match: string; readonly steps: readonly Step[] }[];
  readonly faults: Faults;
  readonly limits: Limits;
  readonly stage: Stage;
  readonly webUrl: string;
}

export interface Call {
  readonly site: Site;
  readonly operation: Operation;
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Handled {
  readonly answer: Answer;
  /** Nobody is told. */
  readonly silent?: boolean;
}

/** Answers one authorised call. */
export function handle(call: Call): Handled {
  const { site, operation, params } = call;
  const organisation = params['org_id'];
  if (organisation !== undefined && !/^-?\d+$/.test(organisation)) return said(invalid(intMistake(['path', 'org_id'], organisation)));
  if (organisation !== undefined && Number(organisation) !== site.organisation.id) return said(refusal(403));
  if (!site.limits.take(organisation ?? 'token', operation.bucket)) return said(refusal(429));
  const paging = pagingOf(call.query);
  if ('mistakes' in paging) return said(invalid(...paging.mistakes));
  switch (operation.name) {
    case 'users.me':
      return said(answer(200, user));
    case 'organizations.list':
      return said(
        answer(
          200,
          page([site.organisation], paging, ({ id, name }) => ({ id, name, settings: settings() })),
        ),
      );
    case 'repos.list':
      return said(
        answer(
          200,
          page(site.repositories, paging, (repository) => repositoryBody(repository, site.organisation.id)),
        ),
      );
    case 'runs.create':
      return create(call);
    case 'runs.list':
      return said(
        answer(
          200,
          page(visible(site).toReversed(), paging, (run) => runBody(run, view(site))),
        ),
      );
    default:
      return said(ofRun(call, paging));
  }
}

const said = (given: Answer): Handled => ({ answer: given });
const settings = (): object => ({ enable_pr_creation: true, enable_rules_detection: true });
const user = { id: 71, email: 'dev@example.com', github_user_id: '4242', github_username: 'dev', full_name: 'Dev Eloper', role: 'ADMIN' };

export const view = (site: Site): View => ({ webUrl: site.webUrl, faults: site.faults.now, now: site.stage.now() });

const visible = ({ runs, stage, faults }: Site): readonly Run[] =>
  runs.filter((run) => stage.now() >= Math.max(run.visibleAt, run.createdAt + faults.now.hideNewMs));

const intMistake = (loc: readonly string[], input: unknown): FieldMistake => ({
  loc,
  msg: `Input should be a valid integer, unable to parse string as an integer (${String(input)})`,
  type: 'int_parsing',
});

function pagingOf(query: URLSearchParams): PageRequest | { readonly mistakes: readonly FieldMistake[] } {
  const read = (name: string, least: number, most: number, usual: number): number | FieldMistake => {
    const text = query.get(name);
    if (text === null) return usual;
    const value = Number(text);
    if (!Number.isInteger(value)) return intMistake(['query', name], text);
    if (value < least)
      return { loc: ['query', name], msg: `Input should be greater than or equal to ${least}`, type: 'greater_than_equal' };
    if (value > most) return { loc: ['query', name], msg: `Input should be less than or equal to ${most}`, type: 'less_than_equal' };
    return value;
  };
  const [skip, limit] = [read('skip', 0, Number.MAX_SAFE_INTEGER, 0), read('limit', 1, 100, 100)];
  const mistakes = [skip, limit].filter((value) => typeof value !== 'number');
  return typeof skip === 'number' && typeof limit === 'number' ? { skip, limit } : { mistakes };
}

function bodyMistakes(body: Call['body'], name: 'runs.create' | 'runs.resume' | 'other'): readonly FieldMistake[] {
  const at = (field: string, msg: string, type: string): FieldMistake => ({ loc: ['body', field], msg, type });
  const mistakes: FieldMistake[] = [];
  const text = (field: string, needed: boolean): void => {
    const value = body[field];
    if (value === undefined && needed) mistakes.push(at(field, 'Field required', 'missing'));
    else if (value !== undefined && (needed || value !== null) && typeof value !== 'string')
      mistakes.push(at(field, 'Input should be a valid string', 'string_type'));
  };
  const int = (field: string, needed: boolean): void => {
    const value = body[field];
    if (value === undefined && needed) mistakes.push(at(field, 'Field required', 'missing'));
    else if (value !== undefined && (needed || value !== null) && !Number.isInteger(value))
      mistakes.push(at(field, 'Input should be a valid integer', 'int_type'));
  };
  if (name !== 'other') text('prompt', true);
  if (name !== 'runs.create') int('agent_run_id', true);
  const { images, metadata } = body;
  if (images !== undefined && images !== null && !(Array.isArray(images) && images.every((one) => typeof one === 'string')))
    mistakes.push(at('images', 'Input should be a valid list', 'list_type'));
  if (name !== 'runs.create') return mistakes;
  text('model', false);
  int('repo_id', false);
  if (metadata !== undefined && metadata !== null && (typeof metadata !== 'object' || Array.isArray(metadata)))
    mistakes.push(at('metadata', 'Input should be a valid dictionary', 'dict_type'));
  return mistakes;
}

function create({ site, body }: Call): Handled {
  const mistakes = bodyMistakes(body, 'runs.create');
  if (mistakes.length > 0) return said(invalid(...mistakes));
  const refused = site.faults.takeRefusal();
  if (refused) {
    const given = refused.status === 404 ? noRepos : refusal(refused.status);
    const { retryAfterSeconds } = refused;
    return said(retryAfterSeconds === undefined ? given : { ...given, headers: { 'retry-after': String(retryAfterSeconds) } });
  }
  if (site.repositories.length === 0) return said(noRepos);
  const wanted = body['repo_id'];
  const repository = site.repositories.find(({ id }) => id === wanted);
  if (typeof wanted === 'number' && !repository)
    return said(invalid({ loc: ['body', 'repo_id'], msg: `Repository ${wanted} is not part of the organization`, type: 'value_error' }));
  const lateMs = site.faults.takeLateCreate();
  const at = site.stage.now();
  const id = site.stage.nextId();
  const prompt = String(body['prompt']);
  const run: Run = {
    id,
    organisationId: site.organisation.id,
    repository: repository ?? site.repositories[0],
    createdAt: at,
    visibleAt: at + (lateMs ?? 0),
    metadata: (body['metadata'] as Run['metadata']) ?? null,
    model: (body['model'] as string | null) ?? null,
    images: (body['images'] as readonly string[] | null) ?? [],
    prompts: [prompt],
    log: [],
    pullRequests: [],
    status: 'ACTIVE',
    result: null,
    summary: null,
    branch: null,
    checksIgnored: false,
    steps: scriptInText(prompt) ?? site.rules.findLast(({ match }) => prompt.includes(match))?.steps ?? defaultSteps(id),
    stop: new AbortController(),
    playing: Promise.resolve(),
  };
  site.runs.push(run);
  begin(site, run, prompt, lateMs ?? 0);
  return { answer: answer(200, runBody(run, view(site))), ...(lateMs === undefined ? {} : { silent: true }) };
}

function begin(site: Site, run: Run, prompt: string, afterMs: number): void {
  addLog(run, site.stage, { message_type: 'USER_MESSAGE', observation: prompt });
  run.playing = (async () => {
    if (afterMs > 0) await site.stage.wait(afterMs, run.stop.signal).catch(() => undefined);
    if (!run.stop.signal.aborted) await play(run, site.stage);
  })();
}

function ofRun({ site, operation, params, query, body }: Call, paging: PageRequest): Answer {
  const posted = operation.method === 'POST';
  if (posted) {
    const mistakes = bodyMistakes(body, operation.name === 'runs.resume' ? 'runs.resume' : 'other');
    if (mistakes.length > 0) return invalid(...mistakes);
  }
  const wanted = posted ? body['agent_run_id'] : params['agent_run_id'];
  if (!posted && !/^-?\d+$/.test(String(wanted))) return invalid(intMistake(['path', 'agent_run_id'], wanted));
  const run = visible(site).find(({ id }) => id === Number(wanted));
  if (!run) return noRun;
  switch (operation.name) {
    case 'runs.get':
      return answer(200, runBody(run, view(site)));
    case 'runs.logs':
      return answer(200, logsBody(run, view(site), paging, query.get('reverse') === 'true'));
    case 'runs.resume':
      return resume(site, run, String(body['prompt']));
    case 'runs.unban':
      run.checksIgnored = false;
      return answer(200, {});
    default:
      stopOfPullRequest(site, run);
      return answer(200, {});
  }
}

function resume(site: Site, run: Run, prompt: string): Answer {
  if (run.status === 'ACTIVE' || run.status === 'EVALUATION')
    return invalid({ loc: ['body', 'agent_run_id'], msg: 'Agent run is still active', type: 'value_error' });
  run.prompts.push(prompt);
  run.steps = scriptInText(prompt) ?? site.rules.findLast(({ match }) => prompt.includes(match))?.steps ?? [{ think: 'Going on.' }];
  run.stop = new AbortController();
  run.status = 'ACTIVE';
  begin(site, run, prompt, 0);
  return answer(200, runBody(run, view(site)));
}

/** As described: the pull request's checks are ignored from here on, and all runs of it stop. A run without one goes on. */
function stopOfPullRequest(site: Site, run: Run): void {
  const urls = new Set(run.pullRequests.map(({ url }) => url));
  for (const one of site.runs) {
    if (!one.pullRequests.some(({ url }) => urls.has(url))) continue;
    one.checksIgnored = true;
    if (endedStatuses.includes(one.status ?? '')) continue;
    one.stop.abort();
    one.status = 'CANCELLED';
  }
}
