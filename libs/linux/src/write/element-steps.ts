/**
 * In which transactions elements change.
 *
 * A transaction is whole for one lookup, but a packet may be between two: it has found the pair of before, which sends it on to its ports, and these are gone. So
 * where only sections change that are looked up one after the other, what is looked up last comes in a transaction before, and goes in one after.
 */
import type { EntryObject, Section } from '@weft/fabric';
import type { ElementChange } from './entry-writer.ts';

/** One after the other; together they are the change. */
export function elementSteps({ remove, put }: ElementChange, sections: ReadonlyMap<string, Section>): readonly ElementChange[] {
  const sectionOf = ({ section: name }: EntryObject) => {
    const section = sections.get(name);
    return section?.kind === 'nft' ? section : undefined;
  };
  const all = [...remove, ...put];
  const isAdmissionAlone = all.every((entry) => sectionOf(entry)?.looked !== undefined);
  // More than these: then an element of a state could meet what the other state says of a packet, and admit what neither does.
  if (!isAdmissionAlone || new Set(all.map(({ section }) => section)).size < 2) return [{ remove, put }];
  // Ranges of before and after may overlap, and an element that changes is both: neither can be there twice.
  const placeOf = (entry: EntryObject): string => (sectionOf(entry)?.interval === true ? entry.section : `${entry.section} ${entry.key}`);
  const [going, coming] = [new Set(remove.map(placeOf)), new Set(put.map(placeOf))];
  const isApart = (entry: EntryObject): boolean => {
    const place = placeOf(entry);
    return sectionOf(entry)?.looked === 'then' && !(going.has(place) && coming.has(place));
  };
  const steps: readonly ElementChange[] = [
    { remove: [], put: put.filter(isApart) },
    { remove: remove.filter((entry) => !isApart(entry)), put: put.filter((entry) => !isApart(entry)) },
    { remove: remove.filter(isApart), put: [] },
  ];
  return steps.filter((step) => step.remove.length + step.put.length > 0);
}

/** All steps, or none: where one is refused, those before it are undone, the last one first. Gives why. What an undoing leaves, the next comparison finds. */
export async function inSteps(
  steps: readonly ElementChange[],
  transact: (step: ElementChange) => Promise<string | undefined>,
): Promise<string | undefined> {
  for (const [index, step] of steps.entries()) {
    const detail = await transact(step);
    if (detail === undefined) continue;
    for (const { remove, put } of steps.slice(0, index).reverse()) await transact({ remove: put, put: remove });
    return detail;
  }
  return undefined;
}
