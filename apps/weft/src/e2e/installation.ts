/** Weft with one process for each part: `nats-server`, the owner services and the gateway, all on one embedded store. */
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from '@weft/bus';
import type { OwningService } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { isReady } from './api.ts';
import type { Started, Workspace } from './processes.ts';

export type Service = OwningService | 'gateway';

export class Installation {
  readonly url: string;
  readonly #workspace: Workspace;
  readonly #env: Readonly<Record<string, string>>;
  readonly #natsConfig: string;
  readonly #running = new Map<string, Started>();
  /** URLs by host. */
  readonly #agents = new Map<string, string>();

  private constructor(workspace: Workspace, httpPort: number, natsPort: number, eventStore?: string) {
    const data = join(workspace.directory, 'data');
    mkdirSync(data);
    const token = randomBytes(16).toString('hex');
    this.#workspace = workspace;
    this.#natsConfig = join(workspace.directory, 'nats.conf');
    writeFileSync(
      this.#natsConfig,
      `listen: "127.0.0.1:${natsPort}"\nauthorization { token: "${token}" }\nmax_payload: ${4 * 1024 * 1024}\n`,
    );
    this.#env = {
      WEFT_DATA: data,
      WEFT_NATS: `nats://${token}@127.0.0.1:${natsPort}`,
      WEFT_HTTP: `127.0.0.1:${httpPort}`,
      WEFT_LOG: 'info',
      ...(eventStore !== undefined && { WEFT_EVENT_STORE: eventStore }),
    };
    this.url = `http://127.0.0.1:${httpPort}`;
  }

  /** `eventStore`: URL of another one than the embedded. */
  static async create(workspace: Workspace, eventStore?: string): Promise<Installation> {
    return new Installation(workspace, await freePort(), await freePort(), eventStore);
  }

  startBus(): void {
    this.#keep(this.#workspace.start('nats-server', ['nats-server', '-c', this.#natsConfig]));
  }

  startServices(...services: readonly Service[]): void {
    for (const name of services) this.#keep(this.#workspace.program(name, [`apps/${name}/src/main.ts`], { env: this.#env }));
  }

  /** An agent in a process of its own. `wrapper`: see Workspace.start. `root`: of the copy of this repository that it is of. */
  async startAgent(host: string, env: Readonly<Record<string, string>>, wrapper: readonly string[] = [], root?: string): Promise<void> {
    const listen = `127.0.0.1:${await freePort()}`;
    const settings = { ...this.#env, WEFT_HOST: host, WEFT_DATAPLANE: 'linux', WEFT_HEALTH: listen, ...env };
    const options = { env: settings, wrapper, ...(root !== undefined && { root }) };
    this.#keep(this.#workspace.program(host, ['apps/dataplane-agent/src/main.ts'], options));
    this.#agents.set(host, `http://${listen}`);
  }

  /** Registered, all rows there, and the kernel compared with them and found right. */
  async agentReady(host: string): Promise<void> {
    await until(`readiness of the agent of ${host}`, () => isReady(this.#agents.get(host) ?? ''), 90_000);
  }

  /** SIGKILL, all at once; resolves when they are gone. */
  async kill(...names: readonly string[]): Promise<void> {
    await this.#workspace.kill(...names.map((name) => this.running(name)));
  }

  /** As an upgrade ends it; resolves when it is gone. */
  async stop(name: string): Promise<void> {
    const { pid, exited } = this.running(name);
    process.kill(pid, 'SIGTERM');
    await exited;
  }

  running(name: string): Started {
    const started = this.#running.get(name);
    if (started === undefined) throw new Error(`${name} was not started`);
    return started;
  }

  /** Store, bus and every service work. */
  async ready(): Promise<void> {
    await until(`readiness of ${this.url}`, () => isReady(this.url), 90_000);
  }

  #keep(started: Started): void {
    this.#running.set(started.name, started);
  }
}
