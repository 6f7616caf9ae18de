/** Things that a message names at most. */
const NAMED_MAX = 5;

/** The first of these as text, and how many more there are. */
export function firstFew(texts: readonly string[]): string {
  const more = texts.length - NAMED_MAX;
  return texts.slice(0, NAMED_MAX).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
