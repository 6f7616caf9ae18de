/**
 * What gateways keep in the store for subscribers, by name: one stream each, of which the last event counts. Only gateways read and write these streams,
 * and no subscriber is told of them.
 */
import { type Clock, isSystemStream, type JsonObject, type NewEvent, type RecordedEvent } from '@weft/api';
import { type EventStore, WrongRevisionError } from '@weft/event-store';
import type { Ids } from '@weft/service';
import { conflict } from '../http/failures.ts';
import type { Caller } from '../http/request.ts';

export type KeptState = Readonly<{ data: JsonObject; time: string; actor: string }>;

const ATTEMPTS_MAX = 10;

export class KeptStates {
  readonly #what: 'Checkpoint' | 'Group';
  readonly #deps: Readonly<{ store: EventStore; clock: Clock; ids: Ids }>;

  constructor(what: 'Checkpoint' | 'Group', dependencies: Readonly<{ store: EventStore; clock: Clock; ids: Ids }>) {
    this.#what = what;
    this.#deps = dependencies;
  }

  /** What these may be called: a name as Kubernetes has them. */
  static isName(name: string): boolean {
    return name.length <= 200 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name);
  }

  async read(name: string): Promise<KeptState | undefined> {
    return this.#stateIn(await this.#last(name));
  }

  /**
   * Durable once it resolves. `next` is asked what follows on what is there, again when somebody else was faster; the same object changes nothing,
   * undefined deletes. Throws 409 when too many are at it.
   */
  async change(
    name: string,
    caller: Caller,
    next: (present: KeptState | undefined) => JsonObject | undefined,
  ): Promise<KeptState | undefined> {
    const { store, ids } = this.#deps;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const last = await this.#last(name);
      const present = this.#stateIn(last);
      const data = next(present);
      if (data === present?.data) return present;
      const metadata = this.#metadata(caller);
      const type = data === undefined ? `${this.#what}Deleted.v1` : this.#saved;
      try {
        await store.append(this.#streamOf(name), last?.revision ?? 'none', [{ id: ids.uuid(), type, data: data ?? {}, metadata }]);
        return data && { data, time: metadata.time, actor: caller.actor.user };
      } catch (error) {
        if (!(error instanceof WrongRevisionError)) throw error;
      }
    }
    throw conflict(`${this.#what.toLowerCase()} "${name}" is being saved by many at once`);
  }

  get #saved(): string {
    return `${this.#what}Saved.v1`;
  }

  #metadata({ actor, requestId }: Caller): NewEvent['metadata'] {
    const time = this.#deps.clock.now().toISOString();
    return { actor, requestId, $correlationId: requestId, $causationId: requestId, time, append: { index: 0, count: 1 } };
  }

  #stateIn(last: RecordedEvent | undefined): KeptState | undefined {
    if (last?.type !== this.#saved) return undefined;
    return { data: last.data, time: last.metadata.time, actor: last.metadata.actor.user };
  }

  async #last(name: string): Promise<RecordedEvent | undefined> {
    for await (const last of this.#deps.store.readStream(this.#streamOf(name), { direction: 'backwards', limit: 1 })) return last;
    return undefined;
  }

  #streamOf(name: string): string {
    const stream = `${this.#what}-.${name}`;
    if (!isSystemStream(stream)) throw new Error(`streams of what is kept for subscribers are no objects: ${stream}`);
    return stream;
  }
}
