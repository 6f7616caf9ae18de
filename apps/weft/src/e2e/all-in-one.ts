/** `weft up`, as `npm start` runs it once setup is done, on a directory and a port of the test's own. */
import { join } from 'node:path';
import { freePort } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { isReady } from './api.ts';
import type { Started, Workspace } from './processes.ts';

export type UpOptions = Readonly<{ env?: Readonly<Record<string, string>>; wrapper?: readonly string[] }>;

export class AllInOne {
  readonly url: string;
  readonly data: string;
  readonly #workspace: Workspace;
  readonly #port: number;
  #running: Started | undefined;

  private constructor(workspace: Workspace, port: number, data: string) {
    this.#workspace = workspace;
    this.#port = port;
    this.data = data;
    this.url = `http://127.0.0.1:${port}`;
  }

  /** `data`: the directory; default: one in the workspace. */
  static async create(workspace: Workspace, data = join(workspace.directory, 'data')): Promise<AllInOne> {
    return new AllInOne(workspace, await freePort(), data);
  }

  /** Leads its process group, as under a shell. */
  start({ env = {}, wrapper = [] }: UpOptions = {}): Started {
    const settings = { WEFT_HTTP: `127.0.0.1:${this.#port}`, WEFT_DATA: this.data, WEFT_HOST: 'here', WEFT_DATAPLANE: 'simulated', ...env };
    this.#running = this.#workspace.program('weft', ['apps/weft/src/main.ts', 'up'], { env: settings, wrapper });
    return this.#running;
  }

  async started(options: UpOptions = {}): Promise<Started> {
    const started = this.start(options);
    await this.ready();
    return started;
  }

  /** Rejects at once when the process ends instead. */
  async ready(): Promise<void> {
    const ended = this.#running?.exited.then((code) => {
      throw new Error(`weft ended (${code}) before it was ready`);
    });
    await Promise.race([ended, until(`readiness of ${this.url}`, () => isReady(this.url), 90_000)]);
    ended?.catch(() => {});
  }
}
