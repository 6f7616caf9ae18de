/** Which events a subscriber wants. What can be told from the stream's name is told first, so that what nobody wants costs next to nothing. */
import {
  CLOUD_TYPE_PREFIX,
  categoryOf,
  hash32,
  isDomainEvent,
  keyOfStream,
  type LabelSelector,
  matchesLabels,
  parseLabelSelector,
  type RecordedEvent,
  type Registry,
} from '@weft/api';
import { badRequest } from '../http/failures.ts';

export type EventQuestion = Readonly<{
  /** Each list: one of these; empty: any. */
  kinds: readonly string[];
  namespaces: readonly string[];
  names: readonly string[];
  types: readonly string[];
  labelSelector: string;
  /** `2/5`: the second of five shares, by resource; `1,4/16`: two of sixteen. */
  share?: string;
}>;

export type Labels = Readonly<Record<string, string>>;

/** Some of `count` parts of all resources: those whose stream's hash falls to one of `indexes`, from 0. */
type Share = Readonly<{ indexes: ReadonlySet<number>; count: number }>;

const SHARES_MAX = 1_024;

export class EventFilter {
  /** The same for those that want the same. */
  readonly key: string;
  readonly isEverything: boolean;
  readonly #categories: ReadonlySet<string> | undefined;
  readonly #namespaces: ReadonlySet<string> | undefined;
  readonly #names: ReadonlySet<string> | undefined;
  readonly #types: ReadonlySet<string> | undefined;
  readonly #labels: LabelSelector;
  readonly #share: Share | undefined;

  /** Throws 400 for a kind or type that there is not, and for a selector or share that cannot be read. */
  constructor({ kinds, namespaces, names, types, labelSelector, share }: EventQuestion, registry: Registry) {
    this.#categories = setOf(kinds.map((kind) => categoryNamed(kind, registry)));
    this.#namespaces = setOf(namespaces);
    this.#names = setOf(names);
    this.#types = setOf(types.flatMap((type) => typesNamed(type, registry)));
    const labels = parseLabelSelector(labelSelector);
    if (!labels.ok) throw badRequest(`invalid labelSelector "${labelSelector}": ${labels.why}`);
    this.#labels = labels.value;
    this.#share = share === undefined ? undefined : shareOf(share);
    this.key = JSON.stringify(
      [this.#categories, this.#namespaces, this.#names, this.#types].map((set) => set && [...set]).concat([[labelSelector], [share ?? '']]),
    );
    const given = [this.#categories, this.#namespaces, this.#names, this.#types, this.#share];
    this.isEverything = given.every((each) => each === undefined) && !this.selectsLabels;
  }

  /** Whether the labels of objects have to be known. */
  get selectsLabels(): boolean {
    return this.#labels.length > 0;
  }

  wantsStream(stream: string): boolean {
    if (this.isEverything) return true;
    if (this.#categories !== undefined && !this.#categories.has(categoryOf(stream))) return false;
    if (this.#namespaces !== undefined || this.#names !== undefined) {
      const key = keyOfStream(stream);
      if (key === undefined) return false;
      if (this.#namespaces !== undefined && !this.#namespaces.has(key.namespace ?? '')) return false;
      if (this.#names !== undefined && !this.#names.has(key.name)) return false;
    }
    return this.#share === undefined || this.#share.indexes.has(hash32(stream) % this.#share.count);
  }

  wantsEvent(event: RecordedEvent): boolean {
    return isDomainEvent(event) && (this.#types === undefined || this.#types.has(event.type));
  }

  /** Labels of the object before and after an append; absent where it was not there. What comes to match and what ceases to is wanted, too. */
  wantsLabels(before: Labels | undefined, after: Labels | undefined): boolean {
    if (!this.selectsLabels) return true;
    return [before, after].some((labels) => labels !== undefined && matchesLabels(this.#labels, labels));
  }
}

function setOf(values: readonly string[]): ReadonlySet<string> | undefined {
  return values.length === 0 ? undefined : new Set(values);
}

/** A kind by any of its names, or the category of a reservation stream. */
function categoryNamed(name: string, registry: Registry): string {
  const wanted = name.toLowerCase();
  const kind = registry.kinds.find((each) =>
    [each.kind.toLowerCase(), each.plural, each.singular, ...(each.shortNames ?? [])].some((known) => known === wanted),
  );
  if (kind !== undefined) return kind.kind;
  const category = registry.categories.find((each) => each.toLowerCase() === wanted);
  if (category === undefined) throw badRequest(`there is no kind "${name}": ${registry.kinds.map(({ kind: each }) => each).join(', ')}`);
  return category;
}

/** `NetworkCreated.v1`, also with the prefix of CloudEvents' types; `NetworkCreated` for all versions. */
function typesNamed(name: string, registry: Registry): readonly string[] {
  const type = name.startsWith(CLOUD_TYPE_PREFIX) ? name.slice(CLOUD_TYPE_PREFIX.length) : name;
  const found = registry.eventTypes.filter((each) => each === type || each.replace(/\.v\d+$/, '') === type);
  if (found.length === 0) throw badRequest(`there is no event type "${name}": /asyncapi.json has all`);
  return found;
}

function shareOf(text: string): Share {
  const match = /^(\d{1,4}(?:,\d{1,4})*)\/(\d{1,4})$/.exec(text);
  const [numbers, count] = [(match?.[1] ?? '').split(',').map(Number), Number(match?.[2])];
  if (match === null || count > SHARES_MAX || numbers.some((number) => number < 1 || number > count))
    throw badRequest(`invalid share "${text}": 2/5 is the second of five, 1,4/16 two of sixteen, of at most ${SHARES_MAX}`);
  return { indexes: new Set(numbers.map((number) => number - 1)), count };
}
