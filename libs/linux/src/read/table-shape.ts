/**
 * Whether an nftables table is as this version of Weft writes it. The listing of nft is never fed back to it; it is compared with the listing of a
 * freshly loaded table (made by the probe at start), both without what changes by itself: handles, counter values, set elements.
 */
import type { NftJson } from './dump.ts';

export type TableShape = Readonly<{
  /** Sets, chains with hook and policy, counters with their comment: by `<kind> <name>`. */
  structure: ReadonlyMap<string, string>;
  rules: string;
}>;

/** What brings a table to its shape. `refill` loses no element; `doomed` are statements that remove what is there beside it. */
export type TableRepair = Readonly<{ how: 'none' | 'refill' | 'rebuild'; doomed: readonly string[] }>;

/** `table`: with its family. */
export function tableRepair(found: TableShape, wanted: TableShape, table: string): TableRepair {
  const beside = [...found.structure.keys()].filter((each) => !wanted.structure.has(each));
  const differs = [...found.structure].some(([each, shape]) => wanted.structure.has(each) && wanted.structure.get(each) !== shape);
  if (differs) return { how: 'rebuild', doomed: [] };
  const same = beside.length === 0 && found.structure.size === wanted.structure.size && found.rules === wanted.rules;
  if (same) return { how: 'none', doomed: [] };
  const of = (kind: string): readonly string[] =>
    beside.flatMap((each) => (each.startsWith(`${kind} `) ? [each.slice(kind.length + 1)] : []));
  const doomed = [
    ...of('chain').map((name) => `flush chain ${table} ${name}`),
    ...['map', 'set', 'chain', 'counter'].flatMap((kind) => of(kind).map((name) => `delete ${kind} ${table} ${name}`)),
  ];
  return { how: 'refill', doomed };
}

/** `isEntry`: of a chain that is an entry: it is no part of the shape. */
export function tableShape(listing: NftJson, isEntry: (chain: string) => boolean = () => false): TableShape {
  const structure = new Map<string, string>();
  const rules: string[] = [];
  for (const entry of listing.nftables ?? []) {
    const [kind, fields] = Object.entries(entry)[0] ?? [];
    if (kind === undefined || fields === undefined || kind === 'metainfo') continue;
    const { handle: _handle, elem: _elem, packets: _packets, bytes: _bytes, ...lasting } = fields;
    if (isEntry(String(kind === 'rule' ? fields['chain'] : kind === 'chain' ? fields['name'] : ''))) continue;
    if (kind === 'rule') rules.push(JSON.stringify({ ...lasting, expr: (lasting['expr'] as readonly unknown[]).map(withoutCounts) }));
    else structure.set(`${kind} ${String(lasting['name'] ?? '')}`, JSON.stringify(lasting));
  }
  return { structure, rules: groupedByChain(rules) };
}

function withoutCounts(statement: unknown): unknown {
  return typeof statement === 'object' && statement !== null && 'counter' in statement ? { counter: null } : statement;
}

/** The order of rules counts within a chain, not between chains. */
function groupedByChain(rules: readonly string[]): string {
  const chains = new Map<string, string[]>();
  for (const rule of rules) {
    const { chain } = JSON.parse(rule) as { chain: string };
    const before = chains.get(chain);
    if (before === undefined) chains.set(chain, [rule]);
    else before.push(rule);
  }
  return [...chains]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, each]) => each)
    .join('\n');
}

/** Chains that begin so, and have as many rules as they should: without their beginning. */
export function chainsOf(listing: NftJson, prefix: string, rulesOf: (key: string) => readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { chain, rule } of listing.nftables ?? []) {
    const name = String(chain?.['name'] ?? rule?.['chain'] ?? '');
    if (name.startsWith(prefix)) counts.set(name.slice(prefix.length), (counts.get(name.slice(prefix.length)) ?? 0) + (rule ? 1 : 0));
  }
  return [...counts].flatMap(([key, count]) => (count === rulesOf(key).length ? [key] : []));
}

/** `lingers`: it will go by itself. */
export type SetElement = Readonly<{ key: readonly string[]; value: string; comment: string | undefined; lingers?: true; packets?: number }>;

/** Elements of a set or map, each key as its parts; none when there is no such set. */
export function setElements(listing: NftJson, name: string): readonly SetElement[] {
  for (const entry of listing.nftables ?? []) {
    const set = entry['set'] ?? entry['map'];
    if (set?.['name'] !== name) continue;
    return ((set['elem'] as readonly unknown[] | undefined) ?? []).map(parseElement);
  }
  return [];
}

/** A key, or `[key, value]` of a map; the key also in `{elem: {val, comment}}` when it has a comment. */
function parseElement(element: unknown): SetElement {
  const [keyed, value] = Array.isArray(element) ? (element as [unknown, unknown]) : [element, undefined];
  type Elem = Readonly<{ val: unknown; comment?: string; timeout?: number; counter?: Readonly<{ packets: number }> }>;
  const { elem } = (typeof keyed === 'object' ? keyed : {}) as { elem?: Elem };
  return {
    key: partsOf(elem === undefined ? keyed : elem.val),
    value: value === undefined ? '' : partsOf(value).join(' . '),
    comment: elem?.comment,
    ...(elem?.timeout !== undefined && { lingers: true }),
    ...(elem?.counter !== undefined && { packets: elem.counter.packets }),
  };
}

function partsOf(value: unknown): readonly string[] {
  const { concat } = (typeof value === 'object' && value !== null ? value : {}) as { concat?: readonly unknown[] };
  return (concat ?? [value]).map(partText);
}

/** `"10.0.0.1"`, `80`, `{prefix: {addr, len}}`, `{range: [a, b]}`, or a verdict: `{accept: null}`, `{goto: {target}}`. */
function partText(part: unknown): string {
  if (typeof part !== 'object' || part === null) return String(part);
  const { prefix, range, ...verdict } = part as { prefix?: { addr: string; len: number }; range?: readonly unknown[] };
  if (prefix !== undefined) return `${prefix.addr}/${prefix.len}`;
  if (range !== undefined) return range.join('-');
  const [[name, to] = ['', null]] = Object.entries(verdict) as readonly (readonly [string, { target?: string } | null])[];
  return to?.target === undefined ? name : `${name} ${to.target}`;
}
