import { type Exchange, HttpError } from '../http/exchange.ts';
import type { NewIssue, People } from './people.ts';

type Body = Readonly<Record<string, unknown>>;
type Route = (people: People, id: string, body: never) => unknown;

/** `POST /people/issues/ID/VERB` and so on; what comes back is the JSON of the answer. */
const routes: Readonly<Record<string, Route>> = {
  issues: (people, _id, body: NewIssue) => people.createIssue(body),
  'issues/edit': (people, id, body) => people.edit(id, body),
  'issues/delegate': (people, id, body) => people.delegate(id, body),
  'issues/undelegate': (people, id, body) => people.undelegate(id, body),
  'issues/comment': (people, id, body) => people.comment(id, body),
  'issues/close': (people, id, body) => people.close(id, body),
  'issues/reopen': (people, id, body) => people.reopen(id, body),
  'issues/remove': (people, id, body) => people.remove(id, body),
  'issues/archive': (people, id, body) => people.archive(id, body),
  'issues/attach': (people, id, body) => people.attach(id, body),
  files: (people, _id, body) => people.upload(body),
  'issues/relate': (people, id, body) => people.relate(id, body),
  'sessions/prompt': (people, id, body) => people.prompt(id, body),
  'sessions/stop': (people, id, body) => people.stop(id, body),
  'sessions/answer': (people, id, body) => people.answer(id, body),
  'sessions/dismiss': (people, id, body) => people.dismiss(id, body),
  'sessions/delete': (people, id) => people.deleteSession(id),
  teams: (people, _id, body) => people.createTeam(body),
  'app/authorize': (people, _id, body) => people.authorize(body),
  'app/revoke': (people) => people.revokeApp(),
  'app/team-access': (people, _id, body) => people.changeTeamAccess(body),
};

/** The human side over HTTP: all POST, JSON in and out. @throws HttpError 404, 405 */
export async function answerPeople(people: People, exchange: Exchange): Promise<void> {
  const [noun = '', ...rest] = exchange.path.split('/').slice(2).map(decodeURIComponent);
  const [id, verb] = rest.length > 1 ? [rest[0], rest[1]] : [undefined, rest[0]];
  const name = verb ? `${noun}/${verb}` : noun;
  const route = Object.hasOwn(routes, name) ? routes[name] : undefined;
  if (!route) throw new HttpError(404, `no action ${exchange.path}; there are ${Object.keys(routes).join(', ')}`);
  if (exchange.method !== 'POST') throw new HttpError(405, 'actions are POST');
  const body: Body = await exchange.json();
  exchange.reply(200, route(people, id ?? '', body as never) ?? {});
}
