/** Notices when a key of a lazy collection gets another value, and one read alone had it asked: without that read the change would have been missed. For tests. */
import { Evaluator } from '../evaluator.ts';
import { Lazy } from '../lazy.ts';
import { LensNode } from '../lenses.ts';
import { Bucket, BucketPart, Cell, FirstKeys, Node, type ValueCell } from '../node.ts';
import { type ReadOf, readName, TIME } from './forget-reads.ts';

/** Why a key is asked that was never asked before, or whose commands were carried out. */
const ANEW = 'anew';

let listener: ((read: ReadOf) => void) | undefined;
let isInstalled = false;

/** Calls the listener, from now on, with each read that has been the only one to wake a key whose value differs then. */
export function onSoleWaking(called: ((read: ReadOf) => void) | undefined): void {
  install();
  listener = called;
}

function install(): void {
  if (isInstalled) return;
  isInstalled = true;
  const wokenBy = new WeakMap<ValueCell, Set<string>>();
  let waking: Node | undefined;
  const { wake } = Node.prototype;
  const { mark } = Lazy.prototype;
  const { ask } = Evaluator.prototype;
  Node.prototype.wake = function () {
    waking = this;
    wake.call(this);
    waking = undefined;
  };
  Lazy.prototype.mark = function (cell) {
    const by = wokenBy.get(cell) ?? new Set();
    wokenBy.set(cell, by.add(waking === undefined ? ANEW : nameOf(waking)));
    mark.call(this, cell);
  };
  Evaluator.prototype.ask = function (cell) {
    const { value: before, of } = cell;
    ask.call(this, cell);
    const [read, ...others] = wokenBy.get(cell) ?? [];
    wokenBy.delete(cell);
    if (listener === undefined || read === undefined || read === ANEW || others.length > 0) return;
    if (JSON.stringify(before) !== JSON.stringify(cell.value)) listener({ reader: of.name, read });
  };
}

function nameOf(node: Node): string {
  if (node instanceof Cell) return node.of.name;
  if (node instanceof LensNode && (node.holder instanceof Cell || node.holder instanceof Bucket))
    return readName(node.holder.of, node.lens);
  if (node instanceof BucketPart) return readName(node.bucket.of, node.part);
  return node instanceof FirstKeys ? readName(node.bucket.of, 'first') : TIME;
}
