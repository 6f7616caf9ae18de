/** Pieces of a fold as they stand in blocks: states of one kind or records of one ledger, without what follows from the kind. */
import {
  type ApiObject,
  apiVersionOf,
  type Because,
  type Folded,
  type IndexOf,
  type JsonObject,
  type JsonValue,
  type KeptPiece,
  type Piece,
  type Registry,
  streamOf,
} from '@weft/api';
import { Packr } from 'msgpackr';

/** A position as a number when it is one exactly. */
type Compact = number | bigint;
/** Name, position, revision and event id of each facet, one after the other. */
type Facets = readonly (string | Compact)[];
/** Namespace, name, what it is, and under which values it is found for each index of its kind. */
type Head = readonly [namespace: string | 0, name: string, flags: number, values: readonly Values[]];
/** No value, one, or several. */
type Values = 0 | string | readonly string[];
/** Revision, position, object, facts, facets, why it cannot be read, who created it, what nobody manages. */
type Body = readonly [number, Compact, object, JsonObject, Facets, string | 0, string | 0, NonNullable<Folded['unmanaged']> | 0];
type StateRow = readonly [Head, Body];
type RecordRow = readonly [key: string, moved: boolean, record?: unknown];
type FormerRow = readonly [place: number, stream: string];
/** The bodies of the states of a block are packed together, since nobody looks at most of them at once. */
type Block =
  | readonly ['states', kind: string, heads: readonly Head[], bodies: Uint8Array]
  | readonly ['records', ledger: string, rows: readonly RecordRow[]]
  | readonly ['former', none: '', rows: readonly FormerRow[]];

/** What all states of a kind have in common. */
type OfKind = Readonly<{ apiVersion: string | undefined; indexes: readonly IndexOf<Folded>[] }>;

const NONE = -1;
const LIVE = 1;
const UNREADABLE = 2;
const packr = new Packr({ useRecords: true });
const NO_REQUESTS: Folded['requests'] = [];
const NO_VALUES: readonly string[] = [];

/** Puts pieces together into blocks, which keep the order of the records of each ledger. */
export class PieceBlocks {
  readonly #registry: Registry;
  readonly #ofKinds = new Map<string, OfKind>();
  readonly #states = new Map<string, StateRow[]>();
  readonly #records = new Map<string, RecordRow[]>();
  #former: FormerRow[] = [];

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  /** Gives a block once it has `rowsMax` rows. */
  add(piece: Piece, rowsMax: number): Block | undefined {
    if ('ledger' in piece) {
      const { ledger, key, moved, record } = piece;
      const rows = listIn(this.#records, ledger);
      rows.push(record === undefined ? [key, moved] : [key, moved, record]);
      return rows.length < rowsMax ? undefined : ['records', ledger, taken(this.#records, ledger)];
    }
    if ('place' in piece) {
      this.#former.push([piece.place, piece.stream]);
      return this.#former.length < rowsMax ? undefined : this.#takeFormer();
    }
    const { kind } = piece.state.key;
    const rows = listIn(this.#states, kind);
    rows.push(rowOf(this.#ofKind(kind), piece.state));
    return rows.length < rowsMax ? undefined : statesBlock(kind, taken(this.#states, kind));
  }

  /** What is left. */
  *rest(): Iterable<Block> {
    for (const kind of [...this.#states.keys()]) yield statesBlock(kind, taken(this.#states, kind));
    for (const ledger of [...this.#records.keys()]) yield ['records', ledger, taken(this.#records, ledger)];
    if (this.#former.length > 0) yield this.#takeFormer();
  }

  #ofKind(kind: string): OfKind {
    let of = this.#ofKinds.get(kind);
    if (of === undefined) {
      const module = this.#registry.kind(kind);
      of = { apiVersion: module && apiVersionOf(module), indexes: Object.values(module?.indexes ?? {}) };
      this.#ofKinds.set(kind, of);
    }
    return of;
  }

  #takeFormer(): Block {
    const rows = this.#former;
    this.#former = [];
    return ['former', '', rows];
  }
}

function statesBlock(kind: string, rows: readonly StateRow[]): Block {
  return ['states', kind, rows.map(([head]) => head), packr.pack(rows.map(([, body]) => body))];
}

/** The pieces of a block that was read: its checksum was right, and code of this version wrote it. States are read when somebody looks at one of them. */
export function* piecesIn(registry: Registry, block: unknown): Iterable<KeptPiece> {
  const [what, of, rows, packed] = block as Block;
  if (what === 'records') {
    for (const [key, moved, record] of rows) yield { ledger: of, key, moved, ...(record !== undefined && { record }) };
    return;
  }
  if (what === 'former') {
    for (const [place, stream] of rows) yield { place, stream };
    return;
  }
  const kind = registry.kind(of);
  if (kind === undefined) throw new Error(`it has states of the kind ${of}, which is not known`);
  const apiVersion = apiVersionOf(kind);
  const bodies = new Bodies(packed);
  for (const [i, [namespace, name, flags, values]] of rows.entries()) {
    const key = namespace === 0 ? { kind: of, name } : { kind: of, namespace, name };
    const isLive = (flags & LIVE) !== 0;
    const read = () => stateOf(key, apiVersion, isLive, bodies.at(i));
    yield { kept: { key, isLive, isUnreadable: (flags & UNREADABLE) !== 0, values: values.map(valuesIn), read } };
  }
}

/** Of the states of one block: all are unpacked with the first. */
class Bodies {
  #packed: Uint8Array | readonly Body[];

  constructor(packed: Uint8Array) {
    this.#packed = packed;
  }

  at(i: number): Body {
    if (this.#packed instanceof Uint8Array) this.#packed = packr.unpack(this.#packed) as readonly Body[];
    return this.#packed[i] as Body;
  }
}

function rowOf({ apiVersion, indexes }: OfKind, state: Folded): StateRow {
  const { key, status, object, facts, revision, position, facets, unreadable, createdBy, unmanaged } = state;
  const isUsual = apiVersion !== undefined && object.kind === key.kind && object.apiVersion === apiVersion;
  const at = revision === 'none' ? NONE : Number(revision);
  const isLive = status === 'live';
  const flags = (isLive ? LIVE : 0) | (unreadable === undefined ? 0 : UNREADABLE);
  const values = isLive ? indexes.map((valuesOf) => shortened(valuesOf(state))) : [];
  const shown = isUsual ? withoutType(object) : object;
  return [
    [key.namespace ?? 0, key.name, flags, values],
    [at, compact(position), shown, facts, facetsRow(facets), unreadable ?? 0, createdBy ?? 0, unmanaged ?? 0],
  ];
}

function withoutType(object: ApiObject): object {
  const shown: JsonObject = {};
  for (const field in object) if (field !== 'apiVersion' && field !== 'kind') shown[field] = object[field] as JsonValue;
  return shown;
}

function shortened(values: readonly string[]): Values {
  return values.length > 1 ? values : (values[0] ?? 0);
}

function valuesIn(values: Values): readonly string[] {
  return values === 0 ? NO_VALUES : typeof values === 'string' ? [values] : values;
}

function facetsRow(facets: Folded['facets']): Facets {
  const row: (string | Compact)[] = [];
  for (const name in facets) {
    const { position, revision, eventId } = facets[name] as Because;
    row.push(name, compact(position), Number(revision), eventId);
  }
  return row;
}

function stateOf(key: Folded['key'], apiVersion: string, isLive: boolean, body: Body): Folded {
  const [revision, position, shown, facts, flat, unreadable, createdBy, unmanaged] = body;
  const { kind } = key;
  const stream = streamOf(key);
  const facets: Record<string, Because> = {};
  for (let i = 0; i < flat.length; i += 4) {
    const eventId = flat[i + 3] as string;
    facets[flat[i] as string] = { position: BigInt(flat[i + 1] as Compact), stream, revision: BigInt(flat[i + 2] as Compact), eventId };
  }
  return {
    key,
    status: isLive ? 'live' : 'absent',
    object: ('kind' in shown ? shown : { apiVersion, kind, ...shown }) as ApiObject,
    facts,
    revision: revision === NONE ? 'none' : BigInt(revision),
    position: BigInt(position),
    facets,
    requests: NO_REQUESTS,
    ...(unreadable !== 0 && { unreadable }),
    ...(createdBy !== 0 && { createdBy }),
    ...(unmanaged !== 0 && { unmanaged }),
  };
}

function compact(position: bigint): Compact {
  const number = Number(position);
  return Number.isSafeInteger(number) ? number : position;
}

function listIn<R>(map: Map<string, R[]>, name: string): R[] {
  let list = map.get(name);
  if (list === undefined) map.set(name, (list = []));
  return list;
}

function taken<R>(map: Map<string, R[]>, name: string): R[] {
  const rows = map.get(name) ?? [];
  map.delete(name);
  return rows;
}
