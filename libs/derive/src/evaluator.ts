/** Evaluates derivations, notes what they read, and wakes the readers of each value that differs now. */
import type { Derived } from './collection.ts';
import { DIRTY, NO_NODES, type Node, PRESENT, type ValueCell } from './node.ts';
import { type Notebook, StageError } from './notes.ts';
import type { Read } from './read.ts';
import { passCauses, wakeForDerived } from './wake.ts';

type Notice = Readonly<{ of: Derived<unknown>; key: string; before: unknown; after: unknown }>;
/** The result of an evaluation. `filed` are the index values of the derived value. */
type Outcome = Readonly<{ asked: boolean; value: unknown; filed: readonly (readonly string[])[]; fault?: Error }>;

export class Evaluator {
  readonly #notebook: Notebook;
  readonly #read: Read;
  #notices: Notice[] = [];
  #mistake: StageError | undefined;

  constructor(notebook: Notebook, read: Read) {
    this.#notebook = notebook;
    this.#read = read;
  }

  ask(cell: ValueCell): void {
    const { of, key } = cell;
    cell.flags &= ~DIRTY;
    of.evaluations++;
    if (of.causesKept.size > 0) of.causesKept.delete(cell);
    const { asked, value, filed, fault } = evaluate(of, key, this.#notebook, this.#read);
    cell.flags = asked ? cell.flags | PRESENT : cell.flags & ~PRESENT;
    if (fault !== undefined) this.#show(of, key, fault);
    else if (of.faults.size > 0) of.faults.delete(key);
    this.#link(cell);
    this.#assign(cell, value, filed);
    cell.tidy();
  }

  /** Calls the listeners, and throws the first mistake of a derivation or error of a listener. */
  finish(): void {
    const notices = this.#notices;
    this.#notices = [];
    let failure: unknown = this.#mistake;
    this.#mistake = undefined;
    for (const { of, key, before, after } of notices) {
      for (const listener of of.listeners) {
        try {
          listener.onChange(key, before, after);
        } catch (error) {
          failure ??= error; // The other listeners are still called.
        }
      }
    }
    if (failure !== undefined) throw failure;
  }

  #show(of: Derived<unknown>, key: string, fault: Error): void {
    of.faults.set(key, fault);
    if (fault instanceof StageError) this.#mistake ??= fault;
  }

  #assign(cell: ValueCell, after: unknown, filed: Outcome['filed']): void {
    const { of, value: before } = cell;
    if (before === undefined ? after === undefined : after !== undefined && of.rules.same(before, after)) {
      passCauses(cell);
      return;
    }
    of.set(cell, after);
    wakeForDerived(cell, before, filed);
    if (of.listeners.length > 0) this.#notices.push({ of, key: cell.key, before, after });
  }

  #link(cell: ValueCell): void {
    const { reads } = this.#notebook;
    const old = cell.reads;
    if (sameNodes(old, reads)) return;
    for (const node of reads) node.join(cell);
    cell.reads = reads.length === 0 ? NO_NODES : reads.slice(); // A copy: `reads` is used again, and has spare room.
    for (const node of old) if (node.stamp !== this.#notebook.stamp) node.leave(cell);
  }
}

/** A derivation that throws gives no value, and everything else goes on. The notebook holds what it had read until then. */
export function evaluate(of: Derived<unknown>, key: string, notebook: Notebook, read: Read): Outcome {
  let asked = false;
  notebook.begin(of);
  try {
    asked = of.isAsked(key);
    const value = asked ? of.rules.derive(key, read) : undefined;
    const filed = value === undefined ? [] : of.derivedFilings.map((filing) => filing.valuesOf(value, key));
    return { asked, value, filed };
  } catch (error) {
    const fault = error instanceof Error ? error : new Error(String(error));
    return { asked, value: undefined, filed: [], fault };
  } finally {
    notebook.end();
  }
}

export function sameNodes(a: readonly Node[], b: readonly Node[]): boolean {
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}
