/** MAC addresses of interfaces as numbers: `02:` and 40 bits (DESIGN 9.10). `02:00:00:00:00:00` to `…:ff` are not handed out: the gateway's is among them. */

/** MACs of one block. */
export const BLOCK_SIZE = 4_096;
/** Block 0 holds the gateway's `02:00:00:00:00:01`. */
export const FIRST_BLOCK = 1;
export const BLOCKS_MAX = 2 ** 28 - 1;

export function macText(number: number): string {
  const hex = number.toString(16).padStart(10, '0');
  return `02:${hex.slice(0, 2)}:${hex.slice(2, 4)}:${hex.slice(4, 6)}:${hex.slice(6, 8)}:${hex.slice(8, 10)}`;
}

/** Of a text that `macText` made. */
export function macNumber(text: string): number {
  return Number.parseInt(text.slice(3).replaceAll(':', ''), 16);
}
