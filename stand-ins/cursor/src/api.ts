import { randomUUID } from 'node:crypto';
import { type Answer, answer, refusal } from './answer.ts';
import type { FaultState, OperationName } from './faults.ts';
import { endRun, play, type Stage } from './play.ts';
import { plainWork, type ScriptRule, scriptIn } from './script.ts';
import { type Agent, type AgentRequest, agentBody, isActive, newRun, type Run, runBody } from './world.ts';

export interface Call {
  readonly params: Readonly<Record<string, string | undefined>>;
  readonly query: URLSearchParams;
  readonly body: unknown;
}

export interface Api {
  answer(operation: Exclude<OperationName, 'runs.stream'>, call: Call): Answer;
  /** The run a call is about, or why there is none. */
  find(call: Call): { readonly agent: Agent; readonly run: Run } | Answer;
}

const models = ['default', 'composer-2.5', 'claude-haiku-4-5', 'claude-sonnet-4-6', 'gpt-5.5'];
const agentId = /^bc-[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$/;
const agentKeys = [
  'prompt',
  'agentId',
  'name',
  'model',
  'repos',
  'env',
  'envVars',
  'mcpServers',
  'customSubagents',
  'autoCreatePR',
  'workOnCurrentBranch',
  'skipReviewerRequest',
  'mode',
];
const runKeys = ['prompt', 'mcpServers', 'model', 'mode'];
/** What one run uses, whatever it does. */
const usage = { inputTokens: 13_662, outputTokens: 512, cacheWriteTokens: 1024, cacheReadTokens: 2048, totalTokens: 17_246 };
const none = { inputTokens: 0, outputTokens: 0, cacheWriteTokens: 0, cacheReadTokens: 0, totalTokens: 0 };

/** The documented calls, over the agents there are. */
export function createApi(service: {
  readonly agents: Map<string, Agent>;
  readonly faults: FaultState;
  readonly stage: Stage;
  readonly included: boolean;
  readonly repositories: readonly string[] | undefined;
  readonly scripts: readonly ScriptRule[];
}): Api {
  const { agents, faults, stage } = service;

  const seen = (id: string | undefined): Agent | undefined => {
    const agent = agents.get(id ?? '');
    return agent && stage.now() >= agent.hiddenUntil ? agent : undefined;
  };

  function begin(agent: Agent, prompt: string): Run {
    const run = newRun(agent.id, prompt, stage.now(), !service.included);
    agent.runs.push(run);
    const rule = service.scripts.findLast(({ match }) => prompt.includes(match));
    const plain = agent.runs.length > 1 ? [{ say: 'Understood.' }] : plainWork(prompt);
    play(stage, agent, run, scriptIn(prompt) ?? rule?.steps ?? plain).catch((error) => {
      run.frames.push({ event: 'error', data: { code: 'internal_error', message: String(error) } });
      endRun(stage, agent, run, 'ERROR', undefined);
    });
    return run;
  }

  /** What is wrong with a create or a follow-up. */
  function mistake(body: unknown, known: readonly string[]): Answer | undefined {
    if (typeof body !== 'object' || body === null) return refusal(400, 'missing_body', 'A request body is required');
    const unknown = Object.keys(body).filter((key) => !known.includes(key));
    if (unknown.length > 0) return refusal(400, 'validation_error', `Unrecognized key(s) in object: ${unknown.join(', ')}`);
    const { prompt, model } = body as Partial<AgentRequest>;
    if (typeof prompt?.text !== 'string' || prompt.text === '') return refusal(400, 'validation_error', 'prompt.text is required');
    if (model && !models.includes(model.id)) return refusal(400, 'validation_error', `Model '${model.id}' is not available or invalid`);
    return undefined;
  }

  function createAgent(body: unknown): Answer {
    const wrong = mistake(body, agentKeys);
    if (wrong) return wrong;
    const request = body as AgentRequest;
    const id = request.agentId ?? `bc-${randomUUID()}`;
    if (!agentId.test(id)) return refusal(400, 'validation_error', 'agentId must be bc-<uuid>');
    if (request.agentId !== undefined && request.envVars !== undefined)
      return refusal(400, 'validation_error', 'agentId cannot be combined with envVars');
    const variables = Object.keys(request.envVars ?? {});
    if (variables.length > 50 || variables.some((name) => name.startsWith('CURSOR_')))
      return refusal(400, 'validation_error', 'envVars: at most 50, and no name may begin with CURSOR_');
    for (const { url, startingRef } of request.repos ?? []) {
      if (/^[0-9a-f]{40}$/.test(startingRef ?? '')) return refusal(400, 'validation_error', 'startingRef must be a branch name');
      if (service.repositories && !service.repositories.includes(url))
        return refusal(403, 'repository_access', `The Cursor GitHub app has no access to ${url}`);
    }
    if (agents.has(id)) return refusal(409, 'agent_id_conflict', 'An agent with this id exists already');
    const now = stage.now();
    const agent: Agent = {
      id,
      createdAt: now,
      hiddenUntil: now + faults.hideNewAgentsMs,
      request,
      runs: [],
      status: 'ACTIVE',
      branch: undefined,
      prUrl: undefined,
    };
    agents.set(id, agent);
    const run = begin(agent, request.prompt.text);
    return answer(201, { agent: agentBody(agent), run: runBody(agent, run, faults.statusWord) });
  }

  function createRun(agent: Agent, body: unknown): Answer {
    const wrong = mistake(body, runKeys);
    if (wrong) return wrong;
    if (agent.status === 'ARCHIVED') return refusal(409, 'agent_archived', 'The agent is archived');
    if (agent.runs.some(isActive)) return refusal(409, 'agent_busy', 'Another run of this agent is active');
    const run = begin(agent, (body as AgentRequest).prompt.text);
    return answer(201, { run: runBody(agent, run, faults.statusWord) });
  }

  function usageOf(agent: Agent, runId: string | null): Answer {
    if (faults.usageUnavailable) return refusal(403, 'feature_unavailable', 'Usage is not available for this account');
    const wanted = agent.runs.filter((run) => runId === null || run.id === runId);
    if (wanted.length === 0) return refusal(404, 'run_not_found', 'Run not found');
    const runs = wanted.map((run) => {
      const known = run.endedAt !== undefined;
      const { cost } = faults;
      const told = known && cost !== 'absent' && stage.now() >= (run.endedAt ?? 0) + (cost === 'prompt' ? 0 : cost);
      return {
        id: run.id,
        usage: known ? usage : none,
        ...(told ? { cost: { rawCostCents: run.rawCostCents, chargedCents: run.chargedCents } } : {}),
      };
    });
    return answer(200, { totalUsage: { ...none, totalTokens: runs.reduce((sum, run) => sum + run.usage.totalTokens, 0) }, runs });
  }

  function page<T>(all: readonly T[], query: URLSearchParams, allowed: readonly string[], show: (item: T) => unknown): Answer {
    const unknown = [...query.keys()].filter((key) => !allowed.includes(key));
    if (unknown.length > 0) return refusal(400, 'validation_error', `Unrecognized key(s) in object: ${unknown.join(', ')}`);
    const limit = Number(query.get('limit') ?? 20);
    if (!Number.isInteger(limit) || limit < 1 || limit > 100) return refusal(400, 'validation_error', 'limit must be between 1 and 100');
    const from = Number(query.get('cursor') ?? 0);
    const items = all.slice(from, from + limit).map(show);
    return answer(200, { items, ...(from + limit < all.length ? { nextCursor: String(from + limit) } : {}) });
  }

  const find: Api['find'] = ({ params }) => {
    const agent = seen(params['id']);
    if (!agent) return refusal(404, 'agent_not_found', 'Agent not found');
    const run = agent.runs.find((one) => one.id === params['runId']);
    return run ? { agent, run } : refusal(404, 'run_not_found', 'Run not found');
  };

  function ofRun(operation: 'runs.get' | 'runs.cancel', call: Call): Answer {
    const found = find(call);
    if ('status' in found) return found;
    const { agent, run } = found;
    if (operation === 'runs.get') return answer(200, runBody(agent, run, faults.statusWord));
    if (!isActive(run)) return refusal(409, 'run_not_cancellable', 'The run is not active');
    endRun(stage, agent, run, 'CANCELLED', undefined);
    return answer(200, { id: run.id });
  }

  function ofAgent(operation: OperationName, agent: Agent, call: Call): Answer {
    const { query, body } = call;
    switch (operation) {
      case 'agents.get':
        return answer(200, agentBody(agent));
      case 'agents.usage':
        return usageOf(agent, query.get('runId'));
      case 'runs.create':
        return createRun(agent, body);
      case 'runs.list':
        return page([...agent.runs].reverse(), query, ['limit', 'cursor'], (run) => {
          // Lists are short: neither the result nor the duration is in them.
          const { result: _result, durationMs: _durationMs, ...short } = runBody(agent, run, faults.statusWord);
          return short;
        });
      case 'artifacts.list':
        return answer(200, { items: [] });
      case 'artifacts.download':
        return refusal(404, 'artifact_not_found', 'Artifact not found');
      case 'agents.delete':
        for (const run of agent.runs) endRun(stage, agent, run, 'CANCELLED', undefined);
        agents.delete(agent.id);
        return answer(200, { id: agent.id });
      default:
        agent.status = operation === 'agents.archive' ? 'ARCHIVED' : 'ACTIVE';
        return answer(200, { id: agent.id });
    }
  }

  return {
    find,
    answer(operation, call) {
      switch (operation) {
        case 'me':
          return answer(200, { apiKeyName: 'local', userId: 1, userEmail: 'dev@example.com', createdAt: new Date(0).toISOString() });
        case 'models':
          return answer(200, { items: models.map((id) => ({ id, displayName: id })) });
        case 'repositories':
          return answer(200, { items: (service.repositories ?? []).map((url) => ({ url })) });
        case 'agents.create':
          return createAgent(call.body);
        case 'agents.list': {
          const all = [...agents.values()].filter((agent) => seen(agent.id)).reverse();
          return page(all, call.query, ['limit', 'cursor', 'prUrl', 'includeArchived'], agentBody);
        }
        case 'runs.get':
        case 'runs.cancel':
          return ofRun(operation, call);
        default: {
          const agent = seen(call.params['id']);
          return agent ? ofAgent(operation, agent, call) : refusal(404, 'agent_not_found', 'Agent not found');
        }
      }
    },
  };
}
