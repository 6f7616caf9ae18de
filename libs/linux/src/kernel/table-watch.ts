/** Tells when somebody changes rules in the host's namespace: `nft monitor`, which hears of each transaction there. */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Timer, Timers } from '@weft/api';
import { NETNS_DIRECTORY } from '../objects/names.ts';

export type TableWatchOptions = Readonly<{
  hostNetns?: string;
  table: string;
  timers: Timers;
  /** The table, or a chain or rule of it, was deleted or added: also by this agent. Elements are not told of. */
  onChange: () => void;
}>;

/** Before it is started again when it ended. */
const RESTART_MS = 1_000;
/** Ends with its standard input, and so with the agent, however that ends. */
const SCRIPT = 'nft monitor 2>/dev/null & monitor=$!; cat >/dev/null; kill $monitor 2>/dev/null';

export class TableWatch {
  readonly #options: TableWatchOptions;
  #child: ChildProcess | undefined;
  #again: Timer | undefined;
  #closed = false;

  constructor(options: TableWatchOptions) {
    this.#options = options;
  }

  /** A repeat does nothing. */
  start(): void {
    if (this.#closed || this.#child !== undefined || this.#again !== undefined) return;
    const { hostNetns, table, timers, onChange } = this.#options;
    const inside = hostNetns === undefined ? [] : ['nsenter', `--net=${NETNS_DIRECTORY}/${hostNetns}`, '--'];
    const [command = '', ...args] = [...inside, 'sh', '-c', SCRIPT];
    const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', LC_ALL: 'C', HOME: '/dev/null' };
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], env });
    this.#child = child;
    const change = new RegExp(`^(add|insert|replace|delete) (table|chain|rule) inet ${table}\\b`);
    let rest = '';
    child.stdin!.on('error', () => {});
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const lines = (rest + text).split('\n');
      rest = lines.pop() ?? '';
      if (lines.some((line) => change.test(line))) onChange();
    });
    let over = false;
    const ended = (): void => {
      if (over) return;
      over = true;
      this.#child = undefined;
      if (this.#closed) return;
      this.#again = timers.after(RESTART_MS, () => {
        this.#again = undefined;
        this.start();
        onChange(); // What happened meanwhile is not known.
      });
    };
    child.on('error', ended);
    child.on('exit', ended);
  }

  close(): void {
    this.#closed = true;
    this.#again?.cancel();
    this.#child?.stdin?.end();
    this.#child?.unref();
  }
}
