/** Which reads loops have, and what notices that one of them is missing. */
import { onRead, onSoleWaking, type ReadOf } from '@weft/derive/testing';
import { type Killer, killers } from './killers.ts';
import { awaitedByLoops, LOOP, mutantFrom, mutantOf, mutantText, without } from './mutant.ts';

/** `says`: what the killer threw. */
export type Killed = Readonly<{ killer: Killer; says: string }>;

/** Every mutant there is, by name, with the killers that should notice it: in these a loop is asked because of that read alone, and owes something. */
export function mutants(): ReadonlyMap<string, readonly Killer[]> {
  const found = new Map<string, Killer[]>(awaitedByLoops().map((each) => [mutantText(each), [...killers]]));
  for (const killer of killers) {
    killer.prepare();
    const { read, alone } = readsIn(() => killer.run());
    for (const each of read) if (!found.has(each)) found.set(each, []);
    for (const each of alone) found.get(each)?.push(killer);
  }
  return new Map([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** What loops read meanwhile, and what had one asked alone. */
export function readsIn(work: () => void): Readonly<{ read: ReadonlySet<string>; alone: ReadonlySet<string> }> {
  const [read, alone] = [new Set<string>(), new Set<string>()];
  onRead((each) => noteIn(read, each));
  onSoleWaking((each) => noteIn(alone, each));
  try {
    work();
  } finally {
    onRead(undefined);
    onSoleWaking(undefined);
  }
  return { read, alone };
}

function noteIn(names: Set<string>, { reader, read }: ReadOf): void {
  if (reader.startsWith(LOOP)) names.add(mutantText(mutantOf(reader.slice(LOOP.length), read)));
}

/** The first of these that notices the mutant; undefined: it has survived. */
export function tryMutant(name: string, by: readonly Killer[]): Killed | undefined {
  const mutant = mutantFrom(name);
  for (const killer of by) {
    try {
      without(mutant, () => killer.run(mutant.loop));
    } catch (error) {
      return { killer, says: error instanceof Error ? error.message : String(error) };
    }
  }
  return undefined;
}
