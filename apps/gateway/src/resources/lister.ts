/** Lists and their pages (http-api 8.3). */
import type { Folded, KindModule, Slices } from '@weft/api';
import { badRequest, expired } from '../http/failures.ts';
import { StatusError } from '../http/status-error.ts';
import { placeOf } from '../model/kind-view.ts';
import type { ResourceView } from '../model/resource-view.ts';
import type { Moment, Past } from '../past/past.ts';
import type { ListMeta } from './encode.ts';
import { askedVersion, type ListOptions } from './list-options.ts';
import type { ReadPoint } from './read-point.ts';
import type { Selection } from './selection.ts';

export type ListResult = Readonly<{ objects: readonly Folded[]; meta: ListMeta }>;

type Token = Readonly<{ version: string; start: string }>;

/** A list that is being paged through: the next page need not undo the changes since. */
type Snapshot = Readonly<{ kind: string; namespace: string | undefined; version: string; objects: readonly Folded[] }>;
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
    const { version, objects, start } = await this.#state(kind, namespace, options);
    const { limit } = options;
    const from = start === undefined ? 0 : firstAfter(objects, start);
    if (limit === 0 && from === 0 && selection.isEverything) return { objects, meta: { resourceVersion: version } };
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
    if (!more) return { objects: page, meta: { resourceVersion: version } };
    this.#keep({ kind: kind.kind, namespace, version, objects });
    return {
      objects: page,
      meta: {
        resourceVersion: version,
        continue: encodeToken({ version, start: placeOf((page.at(-1) as Folded).key) }),
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
      const { version, start } = decodeToken(options.continue);
      const position = await this.#readPoint.atLeast(askedVersion(version));
      const kept = this.#snapshots.find((each) => each.kind === kind.kind && each.namespace === namespace && each.version === version);
      const objects = kept?.objects ?? view.snapshotAt(position, namespace);
      if (objects === undefined) throw expiredToken(start, this.#view.version);
      return { version, objects, start };
    }
    if (resourceVersion === undefined) await this.#readPoint.latest();
    else if (resourceVersion !== 'any') {
      const position = await this.#readPoint.atLeast(resourceVersion);
      if (match === 'Exact') {
        const objects = view.snapshotAt(position, namespace);
        if (objects === undefined) throw expired(`too old resource version: ${resourceVersion.version} (${this.#view.version})`);
        return { version: resourceVersion.version, objects };
      }
    }
    return { version: this.#view.version, objects: view.snapshot(namespace) };
  }

  #keep(snapshot: Snapshot): void {
    const others = this.#snapshots.filter(
      ({ kind, namespace, version }) => kind !== snapshot.kind || namespace !== snapshot.namespace || version !== snapshot.version,
    );
    this.#snapshots = [snapshot, ...others].slice(0, SNAPSHOTS_MAX);
  }
}

type State = Readonly<{ version: string; objects: readonly Folded[]; start?: string }>;

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
function encodeToken({ version, start }: Token): string {
  return Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: version, start })).toString('base64url');
}

function decodeToken(text: string): Token {
  try {
    const { v, rv, start } = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (v === 'meta.k8s.io/v1' && typeof rv === 'string' && /^\d{1,30}$/.test(rv) && typeof start === 'string' && start.includes('/'))
      return { version: rv, start };
  } catch {
    // Answered below.
  }
  throw badRequest('continue key is not valid');
}

/** Its token goes on behind the same place, with the objects as they are now. */
function expiredToken(start: string, version: string): StatusError {
  return new StatusError({
    kind: 'Status',
    apiVersion: 'v1',
    metadata: { continue: encodeToken({ version, start }) },
    status: 'Failure',
    message:
      'The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, ' +
      'or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an ' +
      'inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list.',
    reason: 'Expired',
    code: 410,
  });
}
