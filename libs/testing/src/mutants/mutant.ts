/** One thing that is taken away from a control loop, so that it is not asked again when it should be. */
import type { Loop } from '@weft/api';
import { forgetReads } from '@weft/derive/testing';
import { weftDomains } from '../world/weft-domains.ts';

/**
 * `read` is named as the engine names it: `Host . born-at`, or `awaits NATGateway`. `*` stands for every kind and context that one line of code makes a loop
 * for or reads one after the other: `close-namespaces-*`, `* by owner . dependent`.
 */
export type Mutant = Readonly<{ loop: string; read: string }>;

const LOOPS_OF_EACH = /^(abandon-claims|close-namespaces|collect-garbage|end-cascades|give-back)-.*/;
const READS_OF_EACH = /^\w+( by (owner|namespace)\b| \. owner$)/;

export function mutantOf(loop: string, read: string): Mutant {
  const isOfEach = LOOPS_OF_EACH.test(loop);
  return {
    loop: loop.replace(LOOPS_OF_EACH, '$1-*'),
    read: isOfEach || loop === 'empty-namespaces' ? read.replace(READS_OF_EACH, '*$1') : read,
  };
}

export const LOOP = 'loop ';
const AWAITS = 'awaits ';

export function mutantText({ loop, read }: Mutant): string {
  return `${loop}: ${read}`;
}

export function mutantFrom(text: string): Mutant {
  const colon = text.indexOf(': ');
  if (colon < 0) throw new Error(`"${text}" is no mutant: write "<loop>: <read>", as docs/mutants.md lists them`);
  return { loop: text.slice(0, colon), read: text.slice(colon + 2) };
}

/** What loops await before they are asked at all, each of it taken away. */
export function awaitedByLoops(): readonly Mutant[] {
  return loopsThatAwait().flatMap(({ name, awaits = [] }) => awaits.map((each) => ({ loop: name, read: AWAITS + nameOf(each) })));
}

/** Does `work` with this taken away, in all worlds that it opens. */
export function without(mutant: Mutant, work: () => void): void {
  const restore = takeAway(mutant);
  try {
    work();
  } finally {
    restore();
  }
}

/** Gives how to put it back. */
export function takeAway({ loop, read }: Mutant): () => void {
  if (read.startsWith(AWAITS)) return awaitNoMore(loop, read.slice(AWAITS.length));
  const wanted = mutantText({ loop, read });
  forgetReads((each) => each.reader.startsWith(LOOP) && mutantText(mutantOf(each.reader.slice(LOOP.length), each.read)) === wanted);
  return () => forgetReads(undefined);
}

function awaitNoMore(name: string, awaited: string): () => void {
  const loop = loopsThatAwait().find((each) => each.name === name);
  if (loop === undefined) throw new Error(`there is no loop ${name} that awaits something`);
  const { awaits = [] } = loop;
  Object.assign(loop, { awaits: awaits.filter((each) => nameOf(each) !== awaited) });
  return () => Object.assign(loop, { awaits });
}

function loopsThatAwait(): readonly Loop[] {
  return weftDomains.flatMap(({ loops = [] }) => loops.filter(({ awaits }) => awaits !== undefined));
}

function nameOf(some: NonNullable<Loop['awaits']>[number]): string {
  return 'kind' in some ? some.kind : some.ledger;
}
