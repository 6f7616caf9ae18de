/**
 * How far subscribers have come, by name, kept in the store: one stream each, of which the last event counts. Only gateways read and write these streams,
 * and no subscriber is told of them.
 */
import { type Actor, type Clock, isSystemStream, type NewEvent } from '@weft/api';
import { type EventStore, WrongRevisionError } from '@weft/event-store';
import type { Ids } from '@weft/service';
import { conflict } from '../http/failures.ts';

/** `cursor`: of the last event that is done. */
export type Checkpoint = Readonly<{ name: string; cursor: string; time: string; actor: string }>;

const SAVED = 'CheckpointSaved.v1';
const DELETED = 'CheckpointDeleted.v1';
const ATTEMPTS_MAX = 5;

type Caller = Readonly<{ actor: Actor; requestId: string }>;
type Dependencies = Readonly<{ store: EventStore; clock: Clock; ids: Ids }>;

export class Checkpoints {
  readonly #deps: Dependencies;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
  }

  /** What a checkpoint may be called: a name as Kubernetes has them. */
  static isName(name: string): boolean {
    return name.length <= 200 && /^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/.test(name);
  }

  async read(name: string): Promise<Checkpoint | undefined> {
    const { last } = await this.#last(name);
    if (last?.type !== SAVED) return undefined;
    const { time, actor } = last.metadata;
    return { name, cursor: last.data['cursor'] as string, time, actor: actor.user };
  }

  /** Durable once it resolves. It may go back, too: then events are delivered again. The same again changes nothing. */
  async save(name: string, { cursor }: Pick<Checkpoint, 'cursor'>, caller: Caller): Promise<Checkpoint> {
    const present = await this.read(name);
    if (present?.cursor === cursor) return present;
    await this.#append(name, SAVED, { cursor }, caller);
    return (await this.read(name)) as Checkpoint;
  }

  async delete(name: string, caller: Caller): Promise<void> {
    if ((await this.read(name)) !== undefined) await this.#append(name, DELETED, {}, caller);
  }

  async #append(name: string, type: string, data: NewEvent['data'], { actor, requestId }: Caller): Promise<void> {
    const { store, clock, ids } = this.#deps;
    for (let attempt = 0; attempt < ATTEMPTS_MAX; attempt++) {
      const { last } = await this.#last(name);
      const metadata: NewEvent['metadata'] = {
        actor,
        requestId,
        $correlationId: requestId,
        $causationId: requestId,
        time: clock.now().toISOString(),
        append: { index: 0, count: 1 },
      };
      try {
        await store.append(streamOf(name), last?.revision ?? 'none', [{ id: ids.uuid(), type, data, metadata }]);
        return;
      } catch (error) {
        if (!(error instanceof WrongRevisionError)) throw error;
      }
    }
    throw conflict(`checkpoint "${name}" is being saved by many at once`);
  }

  async #last(name: string) {
    for await (const last of this.#deps.store.readStream(streamOf(name), { direction: 'backwards', limit: 1 })) return { last };
    return { last: undefined };
  }
}

function streamOf(name: string): string {
  const stream = `Checkpoint-.${name}`;
  if (!isSystemStream(stream)) throw new Error('streams of checkpoints are no objects');
  return stream;
}
