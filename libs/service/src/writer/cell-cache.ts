/** Least recently used cells, bounded by count. A busy cell is never dropped: two cells of one stream would compete. */
export class CellCache<C extends { readonly busy: boolean; readonly owner: object }> {
  readonly #cells = new Map<string, C>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get size(): number {
    return this.#cells.size;
  }

  /** A cell that belongs to another owner (a former holding of the partition) is replaced. */
  getOrMake(stream: string, owner: object, make: () => C): C {
    const cell = this.#cells.get(stream);
    if (cell !== undefined && cell.owner === owner) {
      if (this.#cells.size > this.#max / 2) {
        this.#cells.delete(stream);
        this.#cells.set(stream, cell);
      }
      return cell;
    }
    if (cell !== undefined) this.#cells.delete(stream);
    else this.#makeRoom();
    const made = make();
    this.#cells.set(stream, made);
    return made;
  }

  clear(): void {
    this.#cells.clear();
  }

  #makeRoom(): void {
    if (this.#cells.size < this.#max) return;
    let looked = 0;
    for (const [stream, cell] of this.#cells) {
      if (!cell.busy) {
        this.#cells.delete(stream);
        return;
      }
      if (++looked >= 64) return; // Commands in flight are bounded, so busy cells are.
    }
  }
}
