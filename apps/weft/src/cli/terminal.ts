/** Where a verb reads its surroundings and writes to. */
import { styleText } from 'node:util';

export type Style = Parameters<typeof styleText>[0];

export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Whether a person reads standard output: then there are colours. */
  readonly isForPeople: boolean;
  /** Whether a person reads standard error: then long work tells how far it is. */
  readonly showsProgress: boolean;
  /** To standard output, as it is. Resolves when more may come. */
  write(text: string): Promise<void>;
  /** A line on standard output. */
  say(line: string): void;
  /** A line on standard error. */
  complain(line: string): void;
  /** The text in colour, where a person reads it. */
  style(style: Style, text: string): string;
  /** Aborts when the verb is to end: Ctrl-C, or nobody reads any more. */
  readonly ended: AbortSignal;
}

export function processTerminal(): Terminal {
  const { env, stdout, stderr } = process;
  const coloured = env['NO_COLOR']
    ? false
    : env['FORCE_COLOR']
      ? env['FORCE_COLOR'] !== '0'
      : stdout.isTTY === true && env['TERM'] !== 'dumb';
  const ending = new AbortController();
  // A reader that has had enough (`weft events | head`) is no error.
  stdout.on('error', () => ending.abort());
  return {
    env,
    isForPeople: coloured,
    showsProgress: stderr.isTTY === true,
    write: (text) => (stdout.write(text) ? Promise.resolve() : new Promise((resolve) => whenWritable(resolve))),
    say: (line) => void stdout.write(`${line}\n`),
    complain: (line) => void stderr.write(`${line}\n`),
    style: (style, text) => (coloured ? styleText(style, text) : text),
    ended: ending.signal,
  };
}

function whenWritable(resolve: () => void): void {
  const { stdout } = process;
  const done = () => {
    stdout.off('drain', done).off('close', done).off('error', done);
    resolve();
  };
  stdout.once('drain', done).once('close', done).once('error', done);
}
