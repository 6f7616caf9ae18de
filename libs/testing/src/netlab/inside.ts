/** Long-running helpers inside namespaces: echo servers, the probe, and watchers of the kernel. */
import { type ChildProcess, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { until } from '../waiting.ts';

const HELPER = fileURLToPath(new URL('./netlab-helper.mjs', import.meta.url));

/** Beside busy loops, with twenty more of them, a helper may have to wait for its turn. */
const ANSWER_MS = 60_000;

/** A child process that ends with its standard input. */
export class Inside {
  static readonly #running = new Set<Inside>();
  readonly #netns: string;
  readonly #child: ChildProcess;
  readonly #ended: Promise<void>;
  #lines: string[] = [];
  #rest = '';
  /** It has ended, and all that it said is here. */
  #isClosed = false;

  constructor(netns: string, command: readonly string[]) {
    this.#netns = netns;
    this.#child = spawn('nsenter', [`--net=/run/netns/${netns}`, '--', ...command], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: { ...process.env, NODE_OPTIONS: '' }, // Without the loader of the tests a helper starts twice as fast.
    });
    for (const stream of [this.#child.stdout!, this.#child.stderr!]) {
      stream.setEncoding('utf8');
      stream.on('data', (text: string) => {
        const lines = (this.#rest + text).split('\n');
        this.#rest = lines.pop() ?? '';
        this.#lines.push(...lines);
      });
    }
    this.#child.stdin!.on('error', () => {});
    this.#ended = new Promise((resolve) => {
      for (const event of ['close', 'error'])
        this.#child.on(event, () => {
          this.#isClosed = true;
          resolve();
        });
    });
    Inside.#running.add(this);
    void this.#ended.then(() => Inside.#running.delete(this));
  }

  static helper(netns: string, ...args: readonly string[]): Inside {
    return new Inside(netns, [process.execPath, HELPER, ...args]);
  }

  /** Ends processes that a failed test left in these namespaces: they would keep the namespaces and the test run alive. */
  static async endIn(isMeant: (netns: string) => boolean): Promise<void> {
    await Promise.all([...Inside.#running].filter((each) => isMeant(each.#netns)).map((each) => each.end()));
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null;
  }
  get pid(): number {
    return this.#child.pid ?? 0;
  }
  get lines(): readonly string[] {
    return this.#lines;
  }
  take(): readonly string[] {
    return this.#lines.splice(0);
  }
  write(text: string): void {
    this.#child.stdin!.write(text);
  }

  /** The next JSON line that has `field`. Rejects at once when the helper has ended without one. */
  async answer<T = number>(field: string, limitMs = ANSWER_MS): Promise<Record<string, T>> {
    let found: Record<string, T> | undefined;
    const look = (): boolean => {
      for (const line of this.#lines) {
        if (!line.startsWith('{')) continue;
        const parsed = JSON.parse(line) as Record<string, T>;
        if (field in parsed) found = parsed;
      }
      return found !== undefined || this.#isClosed;
    };
    const missing = () =>
      `no "${field}" from the helper${this.#isClosed ? ', which has ended' : ''}; it said: ${this.#lines.join(' | ')}${this.#rest}`;
    await until(missing, look, limitMs, 5);
    if (found === undefined) throw new Error(missing());
    this.#lines = this.#lines.filter((line) => !line.includes(`"${field}"`));
    return found!;
  }

  /** Ends the process and waits for its exit: a namespace exists as long as a process is in it. */
  async end(): Promise<void> {
    this.#child.stdin!.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 500);
    if (!this.#child.stdin!.writable) this.#child.kill('SIGTERM');
    await this.#ended;
    clearTimeout(timer);
  }
}
