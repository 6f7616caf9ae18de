/** Makes the namespace `default`, which exists from the start (http-api 15). */
import { type Timer, type Timers, uuidv5 } from '@weft/api';
import type { CommandClient, Follower, Logger, Part } from '@weft/service';

export const DEFAULT_NAMESPACE = Symbol('default namespace');

const NAME = 'default';
const RETRY_MS = 1_000;
/** Later than every change: this part only wants to know when the log has been read. */
const NO_CHANGES = 2n ** 63n;

export class DefaultNamespace implements Part {
  readonly name = 'default namespace';
  readonly #follower: Follower;
  readonly #client: CommandClient;
  readonly #log: Logger;
  #leaveFollower: (() => void) | undefined;
  readonly #timers: Timers;
  #timer: Timer | undefined;
  #isStopped = false;
  #exists = false;

  constructor({ follower, client, clock, log }: Readonly<{ follower: Follower; client: CommandClient; clock: Timers; log: Logger }>) {
    this.#follower = follower;
    this.#client = client;
    this.#timers = clock;
    this.#log = log;
  }

  async start(): Promise<void> {
    const begin = () => {
      if (!this.#exists) void this.#ensure();
    };
    this.#leaveFollower = this.#follower.consume({ name: this.name, from: NO_CHANGES, onChange: () => {}, onCaughtUp: begin });
    if (this.#follower.caughtUp) begin();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#leaveFollower?.();
    this.#timer?.cancel();
  }

  problems(): readonly string[] {
    return this.#exists ? [] : [`the namespace "${NAME}" does not exist yet`];
  }

  async #ensure(): Promise<void> {
    if (this.#follower.get({ kind: 'Namespace', name: NAME })?.status === 'live') {
      this.#exists = true;
      return;
    }
    // The same request for the life of the store: replicas that start together make one namespace.
    const requestId = uuidv5(this.#follower.storeId, `namespace ${NAME}`);
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: NAME } };
    const reply = await this.#client.send(
      { verb: 'create', kind: 'Namespace', object },
      { requestId, actor: { user: 'system:network-svc', verified: true } },
    );
    if (reply.ok || reply.status.reason === 'AlreadyExists') {
      this.#exists = true;
      return;
    }
    this.#log.warn({ status: reply.status.message }, 'the namespace "default" cannot be made yet');
    if (!this.#isStopped) this.#timer = this.#timers.after(RETRY_MS, () => void this.#ensure());
  }
}
