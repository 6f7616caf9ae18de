/**
 * Recently used cells, bounded by count, in two generations. When the younger generation is full, it becomes the older one, and cells of the former
 * older one, which were not used meanwhile, are dropped. No order is kept and nothing is searched. A busy cell is never dropped: two cells of one stream
 * would compete.
 */
export class CellCache<C extends { readonly busy: boolean; readonly owner: object }> {
  #young = new Map<string, C>();
  #old = new Map<string, C>();
  readonly #generationMax: number;

  /** Keeps at least the `max / 2` cells that were used last, and at most `max` in addition to busy ones. */
  constructor(max: number) {
    this.#generationMax = Math.max(1, Math.floor(max / 2));
  }

  get size(): number {
    return this.#young.size + this.#old.size;
  }

  /** A cell that belongs to another owner (a former holding of the partition) is replaced. */
  getOrMake(stream: string, owner: object, make: () => C): C {
    const young = this.#young.get(stream);
    if (young !== undefined && young.owner === owner) return young;
    const old = this.#old.get(stream);
    if (old !== undefined) this.#old.delete(stream);
    const cell = old !== undefined && old.owner === owner ? old : make();
    if (this.#young.size >= this.#generationMax) this.#age();
    this.#young.set(stream, cell);
    return cell;
  }

  #age(): void {
    const dropped = this.#old;
    this.#old = this.#young;
    this.#young = new Map();
    // Commands in flight are bounded, and so are busy cells.
    for (const [stream, cell] of dropped) if (cell.busy) this.#young.set(stream, cell);
  }
}
