/**
 * Which cases a text cites, such as a title: `resources C-1, C-2 to C-4, provider C-9: …`. A word for a document counts until the next one, the number of a
 * section for the cases that follow it directly: `resources 2.4 G-2` is a rule of section 2.4, `resources G-2` a manifest,
 * `packet P-3` a packet of the document on providers.
 */

/** Documents whose cases are counted; cases of the others are numbered in the same way, and have nothing to do with these. */
const COUNTED = new Set(['resources', 'provider', 'packet']);
const TOKENS =
  /(?<doc>\b(?:resources|provider|packet|eventstoredb|http-api|linux-dataplane|DESIGN)\b)|(?<section>(?<![\w.-])\d\.\d+(?![\w.]))|(?<![\w-])(?<letter>[A-Z]{1,2})-(?<number>[A-Z]?\d+)(?![\w-])|(?<join>,| and | to |\s)|(?<other>[^\s,])/g;
/** Rules are cited as well as cases, by the section that lists them. */
const isRuleSection = (section) => section?.startsWith('2.') === true;

/** `{ document, section?, id }` for each; `section` only for rules of section 2. Numbers are without leading zeros. */
export function citationsIn(text) {
  const found = [];
  let document;
  let section;
  let last; // The citation that a ` to ` goes on from.
  let isRange = false;
  for (const { groups } of text.matchAll(TOKENS)) {
    if (groups.doc !== undefined) {
      document = groups.doc;
      section = last = undefined;
    } else if (groups.section !== undefined) {
      section = groups.section;
      last = undefined;
    } else if (groups.letter !== undefined) {
      const { letter } = groups;
      const number = groups.number.replace(/^0+(?=\d)/, '');
      if (COUNTED.has(document)) {
        const from = isRange && last?.letter === letter ? Number(last.number) + 1 : Number(number);
        const numbers = Number.isNaN(from) ? [number] : Array.from({ length: Number(number) - from + 1 }, (_, at) => String(from + at));
        const where = document === 'resources' && isRuleSection(section) ? { document, section } : { document };
        for (const each of numbers) found.push({ ...where, id: `${letter}-${each}` });
      }
      last = { letter, number };
      isRange = false;
    } else if (groups.join !== undefined) isRange = groups.join === ' to ' || (isRange && groups.join.trim() === '');
    else section = last = undefined;
  }
  return found;
}
