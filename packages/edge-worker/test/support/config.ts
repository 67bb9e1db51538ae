import { type Config, configSchema } from 'cyrus-core/config/schema';

/** A configuration as it is loaded, defaults filled in. */
export function configOf(input: Readonly<Record<string, unknown>> = {}): Config {
  return configSchema.parse(input);
}
