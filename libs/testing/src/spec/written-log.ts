/**
 * A log that a test writes append by append, and what the loops of the domains owe on it. It tests loops alone: nothing is decided and no command is
 * carried out (World does that).
 *
 * Each time, loops are asked about everything, and with tracked reads about what has changed since the time before: both must give the same.
 */
import {
  type Append,
  appendOf,
  askEverything,
  type Change,
  type Claim,
  createFold,
  type DomainModule,
  type Draft,
  type Fact,
  type Fold,
  type Loop,
  type ObjectKey,
  type RecordedEvent,
  type Registry,
  registry,
  streamOf,
  toEvents,
  uuidv5,
} from '@weft/api';
import { LoopBoard } from '@weft/derive';

const ROOT = '5a3f0a52-0000-5000-8000-000000000000';
const BEGINNING_MS = Date.parse('2026-01-01T00:00:00Z');

export type WriteOptions = Readonly<{ requestId?: string; releases?: readonly Claim[] }>;

export class WrittenLog {
  readonly registry: Registry;
  readonly fold: Fold;
  readonly appends: Append[] = [];
  /** Unix time, ms. */
  nowMs = BEGINNING_MS;
  readonly #revisions = new Map<string, bigint>();
  readonly #board: LoopBoard;
  /** By loop and key: what is owed according to tracked reads. */
  readonly #tracked = new Map<string, readonly Draft[]>();
  /** By loop: how often since the count began. */
  readonly #asked = new Map<string, number>();

  constructor(domains: readonly DomainModule[]) {
    this.registry = registry(domains);
    this.fold = createFold(this.registry);
    this.#board = new LoopBoard({ registry: this.registry, loops: this.registry.loops(), world: this.fold, nowMs: () => 0 });
  }

  passSeconds(seconds: number): this {
    this.nowMs += seconds * 1_000;
    return this;
  }

  /** Writes these facts as one append. */
  write(stream: string, facts: readonly Fact[], { requestId, releases }: WriteOptions = {}): Append {
    this.#track(); // So that nothing but this append makes a loop worth asking.
    const number = this.appends.length + 1;
    const request = requestId ?? uuidv5(ROOT, `request ${number}`);
    const revision = this.#revisions.get(stream) ?? -1n;
    const cause = { requestId: request, actor: { user: 'tester', verified: false }, correlationId: request, causationId: request };
    const expected = revision < 0n ? ('none' as const) : revision;
    const now = new Date(this.nowMs).toISOString();
    const events = toEvents(facts, cause, { stream, expected, now, ...(releases && { releases }) }).map(
      (event, index): RecordedEvent => ({
        ...event,
        stream,
        revision: revision + 1n + BigInt(index),
        position: BigInt(number) * 10n + BigInt(index),
      }),
    );
    const append = appendOf(events);
    this.#revisions.set(stream, append.revision);
    this.appends.push(append);
    const change = this.fold.apply(append);
    this.#board.apply(change);
    this.changed(change);
    return append;
  }

  /** After an append was folded in: where projections join. */
  protected changed(_change: Change): void {}

  /** A creation; the uid is `<name>-<n>` unless given. */
  create(key: ObjectKey, { uid, ...more }: Readonly<{ uid?: string; spec?: Fact['data']; finalizers?: string[] }> = {}): string {
    const { kind, namespace, name } = key;
    const chosen = uid ?? `${name}-${this.appends.length + 1}`;
    const metadata = {
      name,
      ...(namespace !== undefined && { namespace }),
      uid: chosen,
      creationTimestamp: '2026-01-01T00:00:00Z',
      ...(more.finalizers && { finalizers: more.finalizers }),
    };
    this.write(streamOf(key), [{ type: `${kind}Created.v1`, data: { metadata, spec: more.spec ?? {} } }]);
    return chosen;
  }

  /** Writes these facts as one append to an object. */
  happen(key: ObjectKey, ...facts: readonly Fact[]): Append {
    return this.write(streamOf(key), facts);
  }

  end(key: ObjectKey): Append {
    return this.happen(key, { type: `${key.kind}Ended.v1`, data: {} });
  }

  requestDeletion(key: ObjectKey): Append {
    return this.happen(key, { type: 'DeletionRequested.v1', data: { at: '2026-01-01T00:00:00Z' } });
  }

  /** Everything that these loops, given or named, owe now; by default all loops. */
  owed(...loops: readonly (string | Loop)[]): readonly Draft[] {
    const chosen = loops.map((loop) => (typeof loop === 'string' ? this.#named(loop) : loop));
    const asked = chosen.length === 0 ? this.registry.loops() : chosen;
    const anew = [...askEverything(this.registry, this.fold, this.nowMs, asked)];
    this.#track();
    const names = new Set(asked.map(({ name }) => name));
    const tracked = [...this.#tracked].filter(([name, owed]) => owed.length > 0 && names.has(name.slice(0, name.indexOf(' '))));
    expect(new Map(tracked)).toEqual(new Map(anew.map(({ loop, key, owed }) => [`${loop.name} ${key}`, owed])));
    return anew.flatMap(({ owed }) => owed);
  }

  /** How often loops are asked because of what happens, by name; those that are left alone are left out. */
  asked(happens: () => void): Readonly<Record<string, number>> {
    this.#track();
    this.#asked.clear();
    happens();
    this.#track();
    return Object.fromEntries(this.#asked);
  }

  #track(): void {
    this.#board.tick(this.nowMs);
    for (let asked = this.#board.next(); asked !== undefined; asked = this.#board.next()) {
      const { name } = asked.loop;
      this.#asked.set(name, (this.#asked.get(name) ?? 0) + 1);
      this.#tracked.set(`${name} ${asked.key}`, asked.owed);
    }
  }

  #named(name: string): Loop {
    const loop = this.registry.loops().find((each) => each.name === name);
    if (loop === undefined) throw new Error(`no domain has a loop "${name}"`);
    return loop;
  }
}
