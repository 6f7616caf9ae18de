/** Makes the objects that a store has from its beginning (http-api 15, resources 2.11): those that the domain of the context names. */
import { type FirstObject, type ObjectKey, type Timer, type Timers, uuidv5 } from '@weft/api';
import type { CommandClient } from '../client/command-client.ts';
import type { Follower, Logger, Part } from '../platform.ts';

const RETRY_MS = 1_000;

type Options = Readonly<{
  objects: readonly FirstObject[];
  service: string;
  follower: Follower;
  client: CommandClient;
  clock: Timers;
  log: Logger;
}>;

export class FirstObjects implements Part {
  readonly name = 'first objects';
  readonly #options: Options;
  /** Those that are not known to have been made. */
  readonly #missing: Set<FirstObject>;
  #leaveFollower: (() => void) | undefined;
  #timer: Timer | undefined;
  #isStopped = false;
  #isAtWork = false;

  constructor(options: Options) {
    this.#options = options;
    this.#missing = new Set(options.objects);
  }

  async start(): Promise<void> {
    this.#leaveFollower = this.#options.follower.consume({ name: this.name, onBegin: () => void this.#makeAll() });
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#leaveFollower?.();
    this.#timer?.cancel();
  }

  problems(): readonly string[] {
    return [...this.#missing].map(({ kind, name }) => `the ${kind} "${name}" does not exist yet`);
  }

  async #makeAll(): Promise<void> {
    if (this.#isAtWork) return;
    this.#isAtWork = true;
    for (const object of this.#missing) if (await this.#make(object)) this.#missing.delete(object);
    this.#isAtWork = false;
    if (this.#missing.size === 0 || this.#isStopped) return;
    this.#timer = this.#options.clock.after(RETRY_MS, () => void this.#makeAll());
  }

  /** Whether it is there, or was: one that people have deleted is not made again. */
  async #make({ kind, name, object }: FirstObject): Promise<boolean> {
    const { follower, client, log, service } = this.#options;
    const key: ObjectKey = { kind, name };
    if (follower.get(key) !== undefined) return true;
    // The same request for the life of the store: replicas that start together make one object.
    const requestId = uuidv5(follower.storeId, `${kind.toLowerCase()} ${name}`);
    const reply = await client.send({ verb: 'create', kind, object }, { requestId, actor: { user: `system:${service}`, verified: true } });
    if (reply.ok || reply.status.reason === 'AlreadyExists') return true;
    log.warn({ status: reply.status.message }, `the ${kind} "${name}" cannot be made yet`);
    return false;
  }
}
