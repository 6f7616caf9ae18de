/** Lists and their pages (http-api 8.3). */
import type { Folded, KindModule, Position, Slices } from '@weft/api';
import { badRequest } from '../http/failures.ts';
import { StatusError } from '../http/status-error.ts';
import { placeOf } from '../model/kind-view.ts';
import type { ResourceView } from '../model/resource-view.ts';
import type { Moment, Past } from '../past/past.ts';
import type { ListMeta } from './encode.ts';
import type { ListOptions } from './list-options.ts';
import type { ReadPoint } from './read-point.ts';
import type { Selection } from './selection.ts';

export type ListResult = Readonly<{ objects: readonly Folded[]; meta: ListMeta }>;

type Token = Readonly<{ position: Position; start: string }>;

/** A list that is being paged through: the next page need not undo the changes since. */
type Snapshot = Readonly<{ kind: string; namespace: string | undefined; position: Position; objects: readonly Folded[] }>;
const SNAPSHOTS_MAX = 4;
/** Objects that a selector looks at before others may have their turn. */
const LOOKS_PER_SLICE = 256;

export class Lister {
  readonly #view: ResourceView;
  readonly #readPoint: ReadPoint;
  readonly #past: Past;
  readonly #slices: Slices;
  /** Newest first. */
  #snapshots: Snapshot[] = [];

  constructor(view: ResourceView, readPoint: ReadPoint, past: Past, slices: Slices) {
    this.#view = view;
    this.#readPoint = readPoint;
    this.#past = past;
    this.#slices = slices;
  }

  async list(kind: KindModule, namespace: string | undefined, selection: Selection, options: ListOptions): Promise<ListResult> {
    const { position, objects, start } = await this.#state(kind, namespace, options);
    const { limit } = options;
    const from = start === undefined ? 0 : firstAfter(objects, start);
    if (limit === 0 && from === 0 && selection.isEverything) return { objects, meta: { resourceVersion: position.toString() } };
    const page: Folded[] = [];
    let more = false;
    let at = from;
    for (; at < objects.length; at += 1) {
      if (at % LOOKS_PER_SLICE === 0) await this.#slices.turn();
      const folded = objects[at] as Folded;
      if (!selection.matches(folded)) continue;
      if (limit > 0 && page.length === limit) {
        more = true;
        break;
      }
      page.push(folded);
    }
    if (!more) return { objects: page, meta: { resourceVersion: position.toString() } };
    this.#keep({ kind: kind.kind, namespace, position, objects });
    return {
      objects: page,
      meta: {
        resourceVersion: position.toString(),
        continue: encodeToken({ position, start: placeOf((page.at(-1) as Folded).key) }),
        ...(selection.isEverything ? { remainingItemCount: objects.length - at } : {}),
      },
    };
  }

  /** As it was; nothing of it is paged. */
  async listAt(kind: KindModule, namespace: string | undefined, selection: Selection, moment: Moment): Promise<ListResult> {
    const meta = { resourceVersion: moment.resourceVersion };
    const all = await this.#past.list(kind, namespace, moment);
    if (selection.isEverything) return { objects: all, meta };
    const objects: Folded[] = [];
    for (const [at, folded] of all.entries()) {
      if (at % LOOKS_PER_SLICE === 0) await this.#slices.turn();
      if (selection.matches(folded)) objects.push(folded);
    }
    return { objects, meta };
  }

  async #state(kind: KindModule, namespace: string | undefined, options: ListOptions): Promise<State> {
    const { resourceVersion, match } = options;
    const view = this.#view.kind(kind.kind);
    if (options.continue !== undefined) {
      const { position, start } = decodeToken(options.continue);
      await this.#readPoint.atLeast(position);
      const kept = this.#snapshots.find((each) => each.kind === kind.kind && each.namespace === namespace && each.position === position);
      const objects = kept?.objects ?? view.snapshotAt(position, namespace);
      if (objects === undefined) throw expiredToken(start, this.#view.position);
      return { position, objects, start };
    }
    if (resourceVersion === undefined) await this.#readPoint.latest();
    else if (resourceVersion > 0n) await this.#readPoint.atLeast(resourceVersion);
    if (match === 'Exact' && resourceVersion !== undefined) {
      const objects = view.snapshotAt(resourceVersion, namespace);
      if (objects === undefined) throw tooOld(resourceVersion, view.ring.floor);
      return { position: resourceVersion, objects };
    }
    return { position: this.#view.position, objects: view.snapshot(namespace) };
  }

  #keep(snapshot: Snapshot): void {
    const others = this.#snapshots.filter(
      ({ kind, namespace, position }) => kind !== snapshot.kind || namespace !== snapshot.namespace || position !== snapshot.position,
    );
    this.#snapshots = [snapshot, ...others].slice(0, SNAPSHOTS_MAX);
  }
}

type State = Readonly<{ position: Position; objects: readonly Folded[]; start?: string }>;

/** Index of the first object that stands behind `place`. */
function firstAfter(objects: readonly Folded[], place: string): number {
  const slash = place.indexOf('/');
  const [namespace, name] = [place.slice(0, slash), place.slice(slash + 1)];
  let low = 0;
  let high = objects.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    const { key } = objects[middle] as Folded;
    const own = key.namespace ?? '';
    if (own > namespace || (own === namespace && key.name > name)) high = middle;
    else low = middle + 1;
  }
  return low;
}

/** In upstream's form, save that `start` is the last place given and not the one behind it. */
function encodeToken({ position, start }: Token): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: position.toString(), start })).toString('base64url');
}

function decodeToken(text: string): Token {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (v === 'meta.k8s.io/v1' && typeof rv === 'string' && /^\d{1,20}$/.test(rv) && typeof start === 'string' && start.includes('/'))
      return { position: BigInt(rv), start };
  } catch {
    // Answered below.
  }
  throw badRequest('continue key is not valid');
}

function tooOld(position: Position, floor: Position): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: {},
    status: 'Failure',
    message: `too old resource version: ${position} (${floor})`,
    reason: 'Expired',
    code: 410,
  });
}

/** Its token goes on behind the same place, with the objects as they are now. */
function expiredToken(start: string, position: Position): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: { continue: encodeToken({ position, start }) },
    status: 'Failure',
    message:
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, ' +
      'or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an ' +
      'inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    reason: 'Expired',
    code: 410,
  });
}
