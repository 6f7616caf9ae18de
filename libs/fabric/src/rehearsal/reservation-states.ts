/**
 * The states of reservation streams, which no fold holds: read when a rehearsal first needs them, then only what has come since. A rehearsal gets copies, since these
 * states are changed in place.
 */
import { type Position, type RecordedEvent, type Registry, ReservationQueue } from '@weft/api';

/** Events of a stream from a revision on. */
export type ReadStream = (stream: string, from: bigint) => AsyncIterable<RecordedEvent>;

type Standing = Readonly<{ queue: ReservationQueue; reading: ReturnType<ReservationQueue['read']>; next: { revision: bigint } }>;

export class ReservationStates {
  readonly #registry: Registry;
  readonly #readStream: ReadStream;
  readonly #standing = new Map<string, Standing>();

  constructor(registry: Registry, readStream: ReadStream) {
    this.#registry = registry;
    this.#readStream = readStream;
  }

  /** As the stream was at this position, which must not fall from call to call. O(events that came since the last time) and the size of its state. */
  async forkAt(stream: string, position: Position): Promise<ReservationQueue> {
    let standing = this.#standing.get(stream);
    if (standing === undefined) this.#standing.set(stream, (standing = this.#stand(stream)));
    const { queue, reading, next } = standing;
    for await (const event of this.#readStream(stream, next.revision)) {
      if (event.position > position) break;
      if (event.revision < next.revision) continue;
      reading.take(event);
      next.revision = event.revision + 1n;
    }
    reading.end();
    return queue.fork();
  }

  #stand(stream: string): Standing {
    const module = this.#registry.reservationOf(stream);
    if (module === undefined) throw new Error(`no domain has a reservation stream "${stream}"`);
    const queue = new ReservationQueue(stream, module);
    return { queue, reading: queue.read(), next: { revision: 0n } };
  }
}
