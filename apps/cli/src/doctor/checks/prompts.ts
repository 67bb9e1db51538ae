import { homePrompts, mistakesIn, type PromptFiles, repositoryPrompts } from '../../prompt-files.ts';
import type { Check, ConfiguredPatient } from '../check.ts';
import { error, type Finding, ok, warning } from '../finding.ts';

/** @returns nothing where there are no templates of one's own */
function judgePrompts(place: PromptFiles): readonly Finding[] {
  const name = place.repository === null ? 'prompts' : `prompts of ${place.repository}`;
  const [first, ...more] = mistakesIn(place);
  if (first) {
    const others = more.length > 0 ? ` (and ${more.length} more)` : '';
    return [
      error(name, `${first.file}, line ${first.line}: ${first.message}${others}`, {
        why: 'Tasks that use the template end at once and say so.',
        fix: 'Mend the template; cyrus prompts check shows every mistake.',
      }),
    ];
  }
  if (place.unknown && place.repository === null)
    return [
      error(name, place.unknown, {
        why: 'The built-in prompts are used instead.',
        fix: 'Make the directory, or take promptsDirectory out of config.json.',
      }),
    ];
  if (place.strays.length > 0)
    return [
      warning(name, `${place.strays.join(', ')} replaces nothing`, {
        why: 'A template counts under the name of a procedure only.',
        fix: 'Rename it: cyrus prompts list shows the names.',
      }),
    ];
  return place.templates.size > 0 ? [ok(name, [...place.templates.values()].map(({ from }) => from).join(', '))] : [];
}

export const promptsCheck: Check<ConfiguredPatient> = {
  name: 'prompts',
  async run({ config, home }) {
    const active = config.repositories.filter(({ isActive }) => isActive);
    const places = [homePrompts(home.directory, config), ...active.map((repository) => repositoryPrompts(home.directory, repository))];
    return (await Promise.all(places)).flatMap(judgePrompts);
  },
};
