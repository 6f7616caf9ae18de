/**
 * Labels that objects had in the past. Most are told by the state of today: it says when its labels changed last. The others are looked up in the object's
 * stream, backwards, once.
 */
import { type Append, categoryOf, createdType, endedType, type Folded, type JsonObject, keyOfStream, type ObjectKey } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Labels } from './event-filter.ts';

const REMEMBERED_MAX = 10_000;
const ABSENT = Symbol('absent');

export class PastLabels {
  readonly #store: Pick<EventStore, 'readStream'>;
  readonly #now: (key: ObjectKey) => Folded | undefined;
  /** By stream: after the last append that was asked about. The oldest goes first. */
  readonly #known = new Map<string, Labels | typeof ABSENT>();

  constructor(store: Pick<EventStore, 'readStream'>, now: (key: ObjectKey) => Folded | undefined) {
    this.#store = store;
    this.#now = now;
  }

  /** Labels before and after an append. To be asked about the appends of a stream in their order. */
  async around(append: Append): Promise<Readonly<{ before?: Labels; after?: Labels }>> {
    const { stream, events } = append;
    const changes = events.some(({ type, data }) => labelsSetBy(stream, type, data) !== undefined);
    const unchanged = changes ? undefined : this.#ofToday(append);
    if (unchanged !== undefined) return { before: unchanged, after: unchanged };
    const before = this.#known.get(stream) ?? (await this.#before(append));
    let after = before;
    for (const { type, data } of events) after = labelsSetBy(stream, type, data) ?? after;
    this.#remember(stream, after);
    return { ...(before !== ABSENT && { before }), ...(after !== ABSENT && { after }) };
  }

  #ofToday({ stream, events: [first] }: Append): Labels | undefined {
    const key = keyOfStream(stream);
    const folded = key && this.#now(key);
    if (folded?.status !== 'live') return undefined;
    const { created, labels } = folded.facets;
    const isOfThen = created !== undefined && created.position < first.position && (labels?.position ?? 0n) < first.position;
    return isOfThen ? (folded.object.metadata.labels ?? {}) : undefined;
  }

  async #before({ stream, events: [first] }: Append): Promise<Labels | typeof ABSENT> {
    if (first.revision === 0n) return ABSENT;
    for await (const { type, data } of this.#store.readStream(stream, { direction: 'backwards', from: first.revision - 1n })) {
      const labels = labelsSetBy(stream, type, data);
      if (labels !== undefined) return labels;
    }
    return ABSENT;
  }

  #remember(stream: string, labels: Labels | typeof ABSENT): void {
    this.#known.delete(stream);
    this.#known.set(stream, labels);
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete(this.#known.keys().next().value as string);
  }
}

/** What every kind has in common (`libs/api/src/fold`): beginning, end and change of labels. */
function labelsSetBy(stream: string, type: string, data: JsonObject): Labels | typeof ABSENT | undefined {
  const kind = categoryOf(stream);
  if (type === 'LabelsChanged.v1') return data['labels'] as Labels;
  if (type === createdType(kind)) return ((data['metadata'] ?? {}) as { labels?: Labels }).labels ?? {};
  return type === endedType(kind) ? ABSENT : undefined;
}
