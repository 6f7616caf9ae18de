/** Ids of events and requests, which later events name as their causes: 12 of their hexadecimal digits each, so that a million take 40 MB. */
export class Causes {
  readonly #known = new Set<number>();

  note(id: string): void {
    this.#known.add(digestOf(id));
  }

  /** Never false for an id that was noted. True for another one about once in 10^8 times, in a log of a million events. */
  knows(id: string): boolean {
    return this.#known.has(digestOf(id));
  }
}

const LEADING = /^[0-9a-f]{8}-[0-9a-f]{4}-/i;

function digestOf(id: string): number {
  return LEADING.test(id) ? Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16) : -1;
}
