/**
 * Whether an nftables table is as this version of Weft writes it. The listing of nft is never fed back to it; it is compared with the listing of a
 * freshly loaded table (made by the probe at start), both without what changes by itself: handles, counter values, set elements.
 */
import type { NftJson } from './dump.ts';

export type TableShape = Readonly<{
  /** Sets, chains with hook and policy, counters by name and comment. */
  structure: string;
  rules: string;
}>;

export function tableShape(listing: NftJson): TableShape {
  const structure: string[] = [];
  const rules: string[] = [];
  for (const entry of listing.nftables ?? []) {
    const [kind, fields] = Object.entries(entry)[0] ?? [];
    if (kind === undefined || fields === undefined || kind === 'metainfo') continue;
    const { handle: _handle, elem: _elem, packets: _packets, bytes: _bytes, ...lasting } = fields;
    if (kind === 'rule') rules.push(JSON.stringify({ ...lasting, expr: (lasting['expr'] as readonly unknown[]).map(withoutCounts) }));
    else structure.push(JSON.stringify({ [kind]: lasting }));
  }
  return { structure: structure.sort().join('\n'), rules: groupedByChain(rules) };
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

export type SetElement = Readonly<{ key: readonly string[]; comment: string | undefined }>;

/** Elements of a set, each key as its parts; none when there is no such set. */
export function setElements(listing: NftJson, name: string): readonly SetElement[] {
  for (const entry of listing.nftables ?? []) {
    const set = entry['set'];
    if (set?.['name'] !== name) continue;
    return ((set['elem'] as readonly unknown[] | undefined) ?? []).map(parseElement);
  }
  return [];
}

/** Plain `"10.0.0.1"`, `{concat: […]}`, or either in `{elem: {val, comment}}` when it has a comment. */
function parseElement(element: unknown): SetElement {
  const { elem } = element as { elem?: { val: unknown; comment?: string } };
  const value = elem === undefined ? element : elem.val;
  const key = typeof value === 'string' ? [value] : ((value as { concat?: readonly string[] }).concat ?? []);
  return { key, comment: elem?.comment };
}
