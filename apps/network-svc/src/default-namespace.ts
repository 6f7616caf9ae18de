/** `default` exists from the start (http-api 15). */
import { uuidv5 } from '@weft/api';
import type { CommandClient, Follower, Logger, Part } from '@weft/service';

export const DEFAULT_NAMESPACE = Symbol('default namespace');

const RETRY_MS = 1_000;

export class DefaultNamespace implements Part {
  readonly name = 'default namespace';
  readonly #follower: Follower;
  readonly #client: CommandClient;
  readonly #log: Logger;
  #forget: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;
  #there = false;

  constructor({ follower, client, log }: Readonly<{ follower: Follower; client: CommandClient; log: Logger }>) {
    this.#follower = follower;
    this.#client = client;
    this.#log = log;
  }

  async start(): Promise<void> {
    const begin = () => {
      if (!this.#there) void this.#ensure();
    };
    this.#forget = this.#follower.consume({ name: this.name, from: 2n ** 63n, onChange: () => {}, onCaughtUp: begin });
    if (this.#follower.caughtUp) begin();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#forget?.();
    clearTimeout(this.#timer);
  }

  problems(): readonly string[] {
    return this.#there ? [] : ['the namespace "default" is not there yet'];
  }

  async #ensure(): Promise<void> {
    if (this.#follower.get({ kind: 'Namespace', name: 'default' })?.status === 'live') {
      this.#there = true;
      return;
    }
    // The same request for the life of the store: replicas that start together make one namespace.
    const requestId = uuidv5(this.#follower.storeId, 'namespace default');
    const object = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'default' } };
    const reply = await this.#client.send(
      { verb: 'create', kind: 'Namespace', object },
      { requestId, actor: { user: 'system:network-svc', verified: true } },
    );
    if (reply.ok || reply.status.reason === 'AlreadyExists') {
      this.#there = true;
      return;
    }
    this.#log.warn({ status: reply.status.message }, 'the namespace "default" cannot be made yet');
    if (!this.#stopped) this.#timer = setTimeout(() => void this.#ensure(), RETRY_MS);
  }
}
