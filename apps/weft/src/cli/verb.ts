import type { Command } from 'commander';
import type { Terminal } from './terminal.ts';

/** One thing that `weft` does: a file of its own under `verbs/`, loaded when it is asked for. */
export type Verb = Readonly<{
  /** Declares arguments, options and what help says further. */
  declare: (command: Command) => void;
  /** Resolves with the exit code. What it throws is told as text; a CommandError says with which code it ends. */
  run: (call: Call) => Promise<number>;
  /** What may stand where the last of these words is being typed. Default: nothing. */
  complete?: (words: readonly string[], call: Omit<Call, 'args'>) => Promise<readonly string[]>;
}>;

export type Call = Readonly<{
  /** What stands beside options. */
  args: readonly string[];
  options: Options;
  terminal: Terminal;
}>;

/** By commander's names: `--all-namespaces` is `allNamespaces`. */
export type Options = Readonly<Record<string, unknown>>;

/** The value of an option that takes one. */
export function textOf(options: Options, name: string): string | undefined {
  const value = options[name];
  return typeof value === 'string' ? value : undefined;
}
