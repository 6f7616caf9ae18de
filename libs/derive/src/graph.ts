/** What is derived from what, as data and as text. It shows the reads of the evaluations so far. */
import type { Derived, Origin } from './collection.ts';
import { Index } from './collection-index.ts';

export type GraphSource = Readonly<{ name: string; size: number; nodes: number; indexes: readonly string[] }>;
export type GraphDerived = Readonly<{
  name: string;
  stage: number;
  form: 'map' | 'group';
  lazy: boolean;
  over: string;
  indexes: readonly string[];
  /** `hosts . number`, `nics by host: keys`. */
  reads: readonly string[];
  size: number;
  nodes: number;
  evaluations: number;
  faults: number;
}>;
export type Graph = Readonly<{ sources: readonly GraphSource[]; derived: readonly GraphDerived[] }>;

export function describeGraph(origins: readonly Origin<unknown>[], derived: readonly Derived<unknown>[]): Graph {
  return {
    sources: origins.map(({ name, size, nodes, indexes }) => ({ name, size, nodes, indexes: namesOf(indexes) })),
    derived: derived.map((each) => ({
      name: each.name,
      stage: each.stage,
      form: each.over instanceof Index ? 'group' : 'map',
      lazy: each.isLazy,
      over: each.over.name,
      indexes: namesOf(each.indexes),
      reads: readsOf(each),
      size: each.size,
      nodes: each.nodes,
      evaluations: each.evaluations,
      faults: each.faults.size,
    })),
  };
}

export function graphText({ sources, derived }: Graph): string {
  const lines = sources.map(({ name, indexes }) => `${name}${indexes.length === 0 ? '' : `  (${indexes.join(', ')})`}`);
  for (const { name, form, over, lazy, indexes, reads } of derived) {
    lines.push('', `${over} ──${form}──> ${name}${lazy ? ' (lazy)' : ''}${indexes.length === 0 ? '' : `  (${indexes.join(', ')})`}`);
    for (const read of reads) lines.push(`    reads ${read}`);
  }
  return lines.join('\n');
}

function readsOf({ observed }: Derived<unknown>): readonly string[] {
  const reads: string[] = [];
  for (const [from, hows] of observed) {
    for (const how of hows)
      reads.push(typeof how !== 'string' ? `${from.name} . ${how.name}` : how === 'get' ? from.name : `${from.name}: ${how}`);
  }
  return reads.sort();
}

function namesOf(indexes: Iterable<Index<unknown>>): readonly string[] {
  return [...indexes].map(({ name }) => name);
}
