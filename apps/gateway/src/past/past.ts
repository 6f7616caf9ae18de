/** Reads of the past: `?at=` names a moment, and answers are those that a read at that moment would have had. */
import { type Folded, type KindModule, type ObjectKey, type Position, type RecordedEvent, resourceVersionOf, type Slices } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import { PastStates, type Platform } from '@weft/service';
import { badRequest, expired, unavailable } from '../http/failures.ts';
import type { Query } from '../http/query.ts';
import type { ResourceView } from '../model/resource-view.ts';
import { type AskedVersion, askedVersion } from '../resources/list-options.ts';
import { foreignVersion, type ReadPoint } from '../resources/read-point.ts';

/** The state after one append. */
export type Moment = Readonly<{
  position: Position;
  /** As lists of then say it. */
  resourceVersion: string;
  /** When it was written. */
  time: Date;
}>;

/** Options of a read that choose a state, as `at` does. */
const OTHER_CHOICES = ['resourceVersion', 'resourceVersionMatch', 'continue', 'limit', 'sendInitialEvents'];
const RFC3339 = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)$/;

export class Past {
  readonly #store: EventStore;
  readonly #view: ResourceView;
  readonly #readPoint: ReadPoint;
  readonly #clock: Platform['clock'];
  readonly #states: PastStates;

  constructor(
    { store, follower, registry, clock }: Platform,
    { view, readPoint, slices }: Readonly<{ view: ResourceView; readPoint: ReadPoint; slices: Slices }>,
  ) {
    this.#store = store;
    this.#view = view;
    this.#readPoint = readPoint;
    this.#clock = clock;
    this.#states = new PastStates({ store, registry, follower, slices });
  }

  /** What `?at=` names; undefined without it. 400 when it is no moment of this log, 410 when it is one of another history. */
  async momentOf(query: Query): Promise<Moment | undefined> {
    const at = query.text('at');
    if (at === undefined) return undefined;
    const other = query.flag('watch') === true ? 'watch' : OTHER_CHOICES.find((name) => query.has(name));
    if (other !== undefined) throw badRequest(`at is not served together with ${other}`);
    return this.moment(at);
  }

  /** A resourceVersion, a position (`48211`), or a time (RFC 3339). `name`: of the parameter, for refusals. */
  async moment(at: string, name = 'at'): Promise<Moment> {
    await this.#readPoint.begun();
    const event = await this.#endOfAppend(await this.#positionOf(at, name), `${name}=${at}`);
    await this.#readPoint.reaches(event.position);
    return { position: event.position, resourceVersion: resourceVersionOf(event), time: new Date(event.metadata.time) };
  }

  async object(kind: KindModule, key: ObjectKey, { position }: Moment): Promise<Folded | undefined> {
    if (kind.servedFrom === undefined) return this.answered(this.#states.object(key, position));
    return this.#served(kind, key.namespace, position).find((each) => each.key.name === key.name);
  }

  async list(kind: KindModule, namespace: string | undefined, { position }: Moment): Promise<readonly Folded[]> {
    if (kind.servedFrom === undefined) return this.answered(this.#states.list(kind.kind, namespace, position));
    return this.#served(kind, namespace, position);
  }

  /** What follows from the whole log is remembered for a while only. */
  #served(kind: KindModule, namespace: string | undefined, position: Position): readonly Folded[] {
    const objects = this.#view.kind(kind.kind).snapshotAt(position, namespace);
    if (objects !== undefined) return objects;
    throw expired(`${kind.plural} of position ${position} are not remembered any more; /weft/v1/history tells what happened to an object`);
  }

  async #positionOf(at: string, name: string): Promise<Position> {
    const head = await this.#readPoint.head();
    if (/^\d{1,30}$/.test(at)) {
      const asked = askedVersion(at);
      const isOfVersion = asked.position !== undefined && asked.position <= head;
      if (isOfVersion && (await this.#isVersion(asked))) return asked.position as Position;
      const position = BigInt(at);
      if (position <= head) return position;
      if (isOfVersion) throw expired(foreignVersion(asked));
      throw badRequest(`${name}=${at} lies beyond the log, which ends at ${head}`);
    }
    const timeMs = RFC3339.test(at) ? Date.parse(at) : Number.NaN;
    if (Number.isNaN(timeMs)) throw badRequest(`${name}="${at}" is neither a position (48211) nor a time (2026-11-22T14:03:00Z)`);
    if (timeMs > this.#clock.now().getTime()) throw badRequest(`${name}=${at} lies in the future`);
    return this.answered(this.#store.positionAt(new Date(timeMs)));
  }

  async #isVersion(asked: AskedVersion): Promise<boolean> {
    return this.answered(this.#readPoint.holds(asked));
  }

  /** The last event of the last append that was whole at a position: half of one was never shown. */
  async #endOfAppend(position: Position, asked: string): Promise<RecordedEvent> {
    let event = position === 0n ? undefined : await this.#eventBefore(position, 0);
    const { index, count } = event?.metadata?.append ?? { index: 0, count: 1 };
    if (event !== undefined && index + 1 < count) event = await this.#eventBefore(position, index + 1);
    if (event === undefined) throw badRequest(`${asked} lies before the log began`);
    return event;
  }

  /** The event at or below a position, or the one that stands so many events before that. */
  async #eventBefore(position: Position, skip: number): Promise<RecordedEvent | undefined> {
    const events: RecordedEvent[] = [];
    const read = async () => {
      for await (const event of this.#store.readAll({ direction: 'backwards', from: position, limit: skip + 1 })) events.push(event);
    };
    await this.answered(read());
    return events[skip];
  }

  /** 503 when the store does not answer. */
  async answered<T>(read: Promise<T>): Promise<T> {
    try {
      return await read;
    } catch (cause) {
      if ((cause as { code?: unknown }).code !== 'Unavailable') throw cause;
      throw unavailable(`the event store does not answer: ${(cause as Error).message}`);
    }
  }
}
