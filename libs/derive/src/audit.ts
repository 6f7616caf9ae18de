/** Evaluates everything once more although nothing has changed, and names each value that comes out differently. */
import type { Collection, Derived } from './collection.ts';
import { Index } from './collection-index.ts';
import { evaluate, sameNodes } from './evaluator.ts';
import { DIRTY, type Node, PRESENT, type ValueCell } from './node.ts';
import type { Notebook } from './notes.ts';
import type { Read } from './read.ts';

/**
 * `value`: the value comes out differently, so its derivation read something without `Read`, or a change was not reported. `reads`: the evaluation
 * reads other things now, which would give a wrong value sooner or later. `missing`: a key was never asked.
 */
export type Finding = Readonly<{ collection: string; key: string; what: 'value' | 'reads' | 'missing'; held?: unknown; found?: unknown }>;

export class Auditor {
  readonly #derived: readonly Derived<unknown>[];
  readonly #notebook: Notebook;
  readonly #read: Read;

  /** `notebook` must be one that keeps nothing, so that an audit changes nothing. */
  constructor(derived: readonly Derived<unknown>[], notebook: Notebook, read: Read) {
    this.#derived = derived;
    this.#notebook = notebook;
    this.#read = read;
  }

  /** One step for each key, with what is wrong there. Changes between steps are allowed; a key that waits to be asked is left out. */
  *steps(): Generator<Finding | undefined, void> {
    for (const of of this.#derived) {
      for (const cell of of.cells) yield this.#check(cell);
      for (const key of keysOf(of.over)) yield missing(of, key);
    }
  }

  /** What a derivation gives for a key now. */
  derive<V>(of: Derived<V>, key: string): V | undefined {
    const { value, fault } = evaluate(of, key, this.#notebook, this.#read);
    if (fault !== undefined) throw fault;
    return value as V | undefined;
  }

  #check(cell: ValueCell): Finding | undefined {
    const { of, key, value: held, reads } = cell;
    if ((cell.flags & DIRTY) !== 0) return undefined;
    const { value: found } = evaluate(of, key, this.#notebook, this.#read);
    const same = held === undefined || found === undefined ? held === found : of.rules.same(held, found);
    if (!same) return { collection: of.name, key, what: 'value', held, found };
    return sameReads(reads, this.#notebook.reads) ? undefined : { collection: of.name, key, what: 'reads' };
  }
}

function missing(of: Derived<unknown>, key: string): Finding | undefined {
  const cell = of.findCell(key);
  if (of.hasBacklog || (of.isPartly && cell === undefined)) return undefined;
  const flags = cell?.flags ?? 0;
  return (flags & (PRESENT | DIRTY)) !== 0 || !of.isAsked(key) ? undefined : { collection: of.name, key, what: 'missing' };
}

function keysOf(over: Collection<unknown> | Index<unknown>): Iterable<string> {
  return over instanceof Index ? over.values() : over.keys();
}

/** The order may differ, since members of an index have none. */
function sameReads(held: readonly Node[], found: readonly Node[]): boolean {
  if (sameNodes(held, found)) return true;
  if (held.length !== found.length) return false;
  const known = new Set(held);
  return found.every((node) => known.has(node));
}
