import { invalidInput } from '../errors.ts';
import type { ActivityContent, ActivityType } from '../rows/tables.ts';

interface Shape {
  readonly required: readonly string[];
  readonly optional: readonly string[];
}

/** What each type of activity holds. The schema says only `JSONObject`; Linear checks this on its side. */
const shapes: Readonly<Record<ActivityType, Shape>> = {
  thought: { required: ['body'], optional: [] },
  elicitation: { required: ['body'], optional: [] },
  response: { required: ['body'], optional: [] },
  error: { required: ['body'], optional: ['reasonCode'] },
  action: { required: ['action', 'parameter'], optional: ['result'] },
  prompt: { required: ['body'], optional: ['title'] },
};

/** What an agent or a person asks to be added to a session. */
export interface ActivityInput {
  readonly id?: string | null;
  readonly content: unknown;
  readonly ephemeral?: boolean | null;
  readonly signal?: string | null;
  readonly signalMetadata?: unknown;
  readonly sourceCommentId?: string;
}

/**
 * Checks an activity as Linear does: shape by type, `ephemeral` only for thoughts and actions, signals where they belong,
 * prompts only from people.
 * @throws GraphQLError INPUT_ERROR
 * @see https://linear.app/developers/agent-interaction
 */
export function checkContent(input: ActivityInput, by: 'agent' | 'person'): ActivityContent {
  const content = (typeof input.content === 'object' && input.content !== null ? input.content : {}) as Readonly<Record<string, unknown>>;
  const type = content['type'] as ActivityType;
  const shape = typeof type === 'string' && Object.hasOwn(shapes, type) ? shapes[type] : undefined;
  if (!shape || (type === 'prompt') !== (by === 'person')) throw invalid(`content.type ${JSON.stringify(content['type'])} is not allowed`);
  for (const field of shape.required)
    if (typeof content[field] !== 'string') throw invalid(`content.${field} must be a string for an activity of type ${type}`);
  for (const [field, value] of Object.entries(content)) {
    if (field === 'type' || shape.required.includes(field)) continue;
    if (!shape.optional.includes(field)) throw invalid(`content.${field} is not allowed for an activity of type ${type}`);
    if (value !== null && value !== undefined && typeof value !== 'string') throw invalid(`content.${field} must be a string`);
  }
  if (input.ephemeral && type !== 'thought' && type !== 'action') throw invalid(`an activity of type ${type} cannot be ephemeral`);
  checkSignal(input, type);
  return { ...content, type, __typename: `AgentActivity${type.charAt(0).toUpperCase()}${type.slice(1)}Content` };
}

function checkSignal(input: ActivityInput, type: ActivityType): void {
  const metadata = (input.signalMetadata ?? {}) as Readonly<Record<string, unknown>>;
  const belongsTo: Readonly<Record<string, ActivityType>> = {
    auth: 'elicitation',
    select: 'elicitation',
    continue: 'response',
    stop: 'prompt',
  };
  const expected = input.signal ? belongsTo[input.signal] : undefined;
  if (expected && expected !== type) throw invalid(`the signal ${input.signal} belongs to activities of type ${expected}`);
  if (input.signal === 'auth' && typeof metadata['url'] !== 'string') throw invalid('the signal auth needs signalMetadata.url');
  if (input.signal !== 'select') return;
  const options = metadata['options'];
  const valid = Array.isArray(options) && options.length > 0 && options.every((option) => typeof option?.value === 'string');
  if (!valid) throw invalid('the signal select needs signalMetadata.options of {label?, value}');
}

const invalid = (what: string): Error => invalidInput('Argument Validation Error', `Invalid agent activity: ${what}.`);
