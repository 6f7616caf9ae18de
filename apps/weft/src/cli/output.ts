/** `-o`: in which form a verb tells what it has found. */
import { type Command, Option } from 'commander';
import type { Terminal } from './terminal.ts';
import type { Options } from './verb.ts';

/** Without one: a table. */
export type Format = 'json' | 'yaml' | 'name' | 'wide';

export function takesOutput(command: Command, formats: readonly Format[]): Command {
  return command.addOption(new Option('-o, --output <format>', 'another form than a table').choices([...formats]));
}

export function formatOf(options: Options): Format | undefined {
  return options['output'] as Format | undefined;
}

/** A document as JSON or YAML, for `-o json` and `-o yaml`. */
export async function writeDocument(document: unknown, format: 'json' | 'yaml', terminal: Terminal): Promise<void> {
  if (format === 'json') return terminal.write(`${JSON.stringify(document, null, 2)}\n`);
  const { stringify } = await import('./yaml.ts');
  // Readers in Go take YAML 1.1, where `yes` is true unless it is quoted.
  return terminal.write(stringify(document, { version: '1.1' }));
}
