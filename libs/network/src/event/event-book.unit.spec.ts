import {
  type Accepted,
  createFold,
  type DecideContext,
  type Decision,
  factsOf,
  type JsonObject,
  type ObjectCommand,
  registry as registryOf,
  uuidv5,
} from '@weft/api';
import { networkDomain } from '../network.domain.ts';
import { type EventBook, eventBook, RESTOCK_MS, STOCK_MAX } from './event-book.ts';
import { eventRecords, RECORDS_MAX } from './event-records.ts';

const START = Date.parse('2026-11-29T10:00:00.000Z');
const HOUR = 3_600_000;
const registry = registryOf([networkDomain]);

/** A book and the fold that serves it; time is given in ms from the start. */
class Books {
  readonly fold = createFold(registry);
  readonly book = eventBook.initial() as EventBook;
  #position = 0n;
  #requests = 0;

  constructor() {
    const metadata = { name: 'team', uid: 'n', creationTimestamp: '2026-11-29T09:00:00Z' };
    this.append('Namespace-.team', 'NamespaceCreated.v1', { metadata, spec: {} }, '2026-11-29T09:00:00.000Z', 'namespace');
  }

  /** The refusal, or what it grants. */
  write(command: ObjectCommand, atMs = 0, requestId = `request-${++this.#requests}`) {
    const now = new Date(START + atMs).toISOString();
    const context: DecideContext = { now, requestId, derive: (label) => uuidv5(uuidv5(IDS, requestId), label), facts: factsOf(this.fold) };
    const decision: Decision = eventBook.decide({ type: 'WriteEvent', command: command as unknown as JsonObject }, this.book, context);
    if (decision.outcome === 'rejected') return { code: decision.status.code };
    for (const { type, data } of decision.facts) this.append('EventBook-team', type, data, now, requestId);
    return (decision as Accepted).grants as { code: number; repeated?: boolean; object: { metadata: JsonObject } & JsonObject };
  }

  append(stream: string, type: string, data: JsonObject, time: string, requestId: string): void {
    this.#position += 1n;
    const metadata = {
      actor: { user: 'eve', verified: false },
      requestId,
      $correlationId: '',
      $causationId: '',
      time,
      append: { index: 0, count: 1 },
    };
    const event = { id: `${this.#position}`, type, data, stream, metadata, revision: this.#position, position: this.#position };
    if (stream.startsWith('EventBook')) eventBook.evolve(this.book, event);
    this.fold.apply({ stream, position: this.#position, revision: this.#position, events: [event] });
  }

  get served(): string[] {
    return [...this.fold.records(eventRecords.ledger).keys()];
  }
}

const IDS = '6f1d3c5e-0000-5000-8000-000000000001';
const create = (name: string, namespace = 'team'): ObjectCommand => ({
  verb: 'create',
  kind: 'Event',
  namespace,
  object: { metadata: { name }, involvedObject: { kind: 'Machine', namespace, name: 'm' }, reason: 'Seen', count: 1 },
});
const count = (name: string, times: number): ObjectCommand => ({
  verb: 'patch',
  key: { kind: 'Event', namespace: 'team', name },
  patchType: 'strategic',
  patch: { count: times },
});

describe('The book of Events of a namespace', () => {
  it('takes what is news, each request once, and serves it for an hour since it was written last', () => {
    const books = new Books();
    expect(books.write(create('a'), 0, 'first')).toMatchObject({ code: 201, object: { metadata: { name: 'a' } } });
    expect(books.write(create('a'), 1, 'first')).toMatchObject({ code: 201, repeated: true });
    expect(books.write(create('a'), 2)).toEqual({ code: 409 });
    expect(books.write(create('b', 'elsewhere'), 3)).toEqual({ code: 404 });
    expect(books.write(create('b'), HOUR / 2)).toMatchObject({ code: 201 });
    expect(books.write(count('a', 2), HOUR - 1)).toMatchObject({ code: 200, object: { count: 2, reason: 'Seen' } });
    const revision = books.book.events.get('a')?.time;
    expect(books.write(count('a', 2), HOUR)).toMatchObject({ code: 200 }); // Nothing new: nothing is written.
    expect(books.book.events.get('a')?.time).toBe(revision);
    expect(books.served).toEqual(['team/b', 'team/a']);
    expect(books.write(count('b', 2), HOUR * 1.5)).toEqual({ code: 404 });
    expect(books.write(create('b'), HOUR * 1.5)).toMatchObject({ code: 201 });
    books.write(create('c'), HOUR * 2 - 1);
    expect(books.served).toEqual(['team/b', 'team/c']);
    expect([...books.book.events.keys()]).toEqual(['b', 'c']);
    expect(books.write({ verb: 'delete', key: { kind: 'Event', namespace: 'team', name: 'b' } }, HOUR * 2)).toMatchObject({ ended: true });
    expect(books.served).toEqual(['team/c']);
  });

  it('refuses more writes than a namespace has in stock, and takes more as they come back', () => {
    const books = new Books();
    for (let i = 0; i < STOCK_MAX; i++) expect(books.write(create(`e${i}`))).toMatchObject({ code: 201 });
    expect(books.write(create('more'))).toEqual({ code: 429 });
    expect(books.write(count('e0', 2), RESTOCK_MS - 1)).toEqual({ code: 429 });
    expect(books.write(count('e0', 2), RESTOCK_MS)).toMatchObject({ code: 200 });
    expect(books.write(create('more'), RESTOCK_MS)).toEqual({ code: 429 });
    expect(books.write(create('more'), RESTOCK_MS * (STOCK_MAX + 9))).toMatchObject({ code: 201 });
  });

  it('has nothing from before its namespace was made anew', () => {
    const books = new Books();
    books.write(create('a'));
    books.append('Namespace-.team', 'NamespaceEnded.v1', {}, new Date(START + 1_000).toISOString(), 'end');
    expect(books.served).toEqual([]);
    const metadata = { name: 'team', uid: 'm', creationTimestamp: new Date(START + 2_000).toISOString() };
    books.append('Namespace-.team', 'NamespaceCreated.v1', { metadata, spec: {} }, metadata.creationTimestamp, 'anew');
    expect(books.write(count('a', 2), 3_000)).toEqual({ code: 404 });
    expect(books.write(create('a'), 3_000)).toMatchObject({ code: 201 });
  });

  it(`serves ${RECORDS_MAX} of all namespaces, those that were written last`, () => {
    const books = new Books();
    for (let i = 0; i < RECORDS_MAX + 2; i++) {
      const event = { apiVersion: 'v1', kind: 'Event', metadata: { name: `e${i}`, namespace: `n${i % 7}`, uid: 'u' } };
      books.append(`EventBook-n${i % 7}`, 'EventRecorded.v1', { event }, new Date(START).toISOString(), `r${i}`);
    }
    expect(books.served).toHaveLength(RECORDS_MAX);
    expect(books.served[0]).toBe('n2/e2');
  });
});
