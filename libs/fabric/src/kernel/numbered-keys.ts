/** Keys of entries that are a prefix and a number: `<prefix> . <number>`, as those of blocks and of buckets are. */
const SEPARATOR = ' . ';

export function numberedKey(prefix: string, number: number): string {
  return `${prefix}${SEPARATOR}${number}`;
}

/** Inverse of `numberedKey`; undefined for a key that it would not write so. */
export function partsOfNumberedKey(key: string): Readonly<{ prefix: string; number: number }> | undefined {
  const end = key.lastIndexOf(SEPARATOR);
  if (end < 0) return undefined;
  const text = key.slice(end + SEPARATOR.length);
  const number = Number(text);
  return Number.isSafeInteger(number) && number >= 0 && String(number) === text ? { prefix: key.slice(0, end), number } : undefined;
}
