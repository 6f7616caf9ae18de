/** Pieces of a fold as they stand in blocks: rows of one kind or of one ledger, without what follows from the kind. */
import { type ApiObject, apiVersionOf, type Because, type Folded, type JsonObject, type Piece, type Registry, streamOf } from '@weft/api';

/** A position as a number when it is one exactly. */
type Compact = number | bigint;
/** Name, position, revision and event id of each facet, one after the other. */
type Facets = readonly (string | Compact)[];
/** Namespace, name, whether it lives, revision, position, object, facts, facets, why it cannot be read, who created it, what nobody manages. */
type StateRow = readonly [
  string | 0,
  string,
  0 | 1,
  number,
  Compact,
  object,
  JsonObject,
  Facets,
  string | 0,
  string | 0,
  NonNullable<Folded['unmanaged']> | 0,
];
type RecordRow = readonly [key: string, moved: boolean, record?: unknown];
type Block =
  | readonly ['states', kind: string, rows: readonly StateRow[]]
  | readonly ['records', ledger: string, rows: readonly RecordRow[]];

const NONE = -1;
const NO_REQUESTS: Folded['requests'] = [];

/** Puts pieces together into blocks, which keep the order of the records of each ledger. */
export class PieceBlocks {
  readonly #registry: Registry;
  readonly #states = new Map<string, StateRow[]>();
  readonly #records = new Map<string, RecordRow[]>();

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
    const { kind } = piece.state.key;
    const rows = listIn(this.#states, kind);
    rows.push(rowOf(this.#registry, piece.state));
    return rows.length < rowsMax ? undefined : ['states', kind, taken(this.#states, kind)];
  }

  /** What is left. */
  *rest(): Iterable<Block> {
    for (const kind of [...this.#states.keys()]) yield ['states', kind, taken(this.#states, kind)];
    for (const ledger of [...this.#records.keys()]) yield ['records', ledger, taken(this.#records, ledger)];
  }
}

/** The pieces of a block that was read: its checksum was right, and code of this version wrote it. */
export function* piecesIn(registry: Registry, block: unknown): Iterable<Piece> {
  const [what, of, rows] = block as Block;
  if (what === 'records') {
    for (const [key, moved, record] of rows) yield { ledger: of, key, moved, ...(record !== undefined && { record }) };
    return;
  }
  const kind = registry.kind(of);
  if (kind === undefined) throw new Error(`it has states of the kind ${of}, which is not known`);
  const apiVersion = apiVersionOf(kind);
  for (const row of rows) yield { state: stateOf(of, apiVersion, row) };
}

function rowOf(
  registry: Registry,
  { key, status, object, facts, revision, position, facets, unreadable, createdBy, unmanaged }: Folded,
): StateRow {
  const { apiVersion, kind, ...rest } = object;
  const module = registry.kind(key.kind);
  const isUsual = kind === key.kind && module !== undefined && apiVersion === apiVersionOf(module);
  const at = revision === 'none' ? NONE : Number(revision);
  const shown = isUsual ? rest : object;
  const head = [key.namespace ?? 0, key.name, status === 'live' ? 1 : 0, at, compact(position)] as const;
  return [...head, shown, facts, facetsRow(facets), unreadable ?? 0, createdBy ?? 0, unmanaged ?? 0];
}

function facetsRow(facets: Folded['facets']): Facets {
  return Object.entries(facets).flatMap(([name, { position, revision, eventId }]) => [name, compact(position), Number(revision), eventId]);
}

function stateOf(kind: string, apiVersion: string, row: StateRow): Folded {
  const [namespace, name, live, revision, position, shown, facts, flat, unreadable, createdBy, unmanaged] = row;
  const key = namespace === 0 ? { kind, name } : { kind, namespace, name };
  const stream = streamOf(key);
  const facets: Record<string, Because> = {};
  for (let i = 0; i < flat.length; i += 4) {
    const eventId = flat[i + 3] as string;
    facets[flat[i] as string] = { position: BigInt(flat[i + 1] as Compact), stream, revision: BigInt(flat[i + 2] as Compact), eventId };
  }
  return {
    key,
    status: live === 1 ? 'live' : 'absent',
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
