import { type Change, type Registry, staysIn } from '@weft/api';

/** Throws when an object has moved in an index although none of the facets differs that the index names. */
export function checkIndexes(registry: Registry, { before, after }: Change): void {
  if (before?.status !== 'live' || after?.status !== 'live') return;
  for (const [name, valuesOf] of Object.entries(registry.kind(after.key.kind)?.indexes ?? {})) {
    const moved = JSON.stringify(valuesOf(before)) !== JSON.stringify(valuesOf(after));
    if (moved && staysIn(valuesOf, before, after))
      throw new Error(`index "${name}" of ${after.key.kind} depends on more facets than it names`);
  }
}
