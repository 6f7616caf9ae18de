/** Secondary indexes: where an object is found, by what it says. Most changes of an object move it in none of them. */

/** The values under which an object is found; pure. `facets`: these depend on nothing else, so a change of other facets moves the object nowhere. */
export interface IndexOf<S> {
  (state: S): readonly string[];
  readonly facets?: readonly string[] | undefined;
}

/** Where they are left out, each change asks the index. */
export function indexOn<S>(facets: readonly string[], valuesOf: (state: S) => readonly string[]): IndexOf<S> {
  return Object.assign((state: S) => valuesOf(state), { facets });
}

type WithFacets = Readonly<{ facets: Readonly<Record<string, unknown>> }>;

/** Whether no facet differs that the index depends on. */
export function staysIn({ facets }: IndexOf<never>, before: WithFacets, after: WithFacets): boolean {
  if (facets === undefined) return false;
  for (const facet of facets) if (before.facets[facet] !== after.facets[facet]) return false;
  return true;
}
