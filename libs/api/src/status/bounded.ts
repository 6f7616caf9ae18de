/** Bounds of a refusal: it quotes what was sent, and must fit into one message however much that was. */
export const CAUSES_MAX = 100;
const CHARACTERS_MAX = 2_000;

export function shortened(text: string): string {
  if (text.length <= CHARACTERS_MAX) return text;
  return `${text.slice(0, CHARACTERS_MAX).toWellFormed()}… (${text.length} characters)`;
}

/** The first texts, then a line that says how many are left out. */
export function firstOf(texts: readonly string[]): string[] {
  const shown = texts.slice(0, CAUSES_MAX).map(shortened);
  return texts.length > CAUSES_MAX ? [...shown, `and ${texts.length - CAUSES_MAX} more`] : shown;
}
