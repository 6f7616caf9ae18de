/** What was delivered and is not done yet, in order: how far everything is done follows from it. */
type Entry = { readonly cursor: string; done: boolean };

export class Acknowledged {
  readonly #entries: Entry[] = [];
  #cursor: string | undefined;
  #ended = false;
  #room: () => void = () => {};

  /** Everything up to here is done. Undefined: nothing yet. */
  get cursor(): string | undefined {
    return this.#cursor;
  }

  /** Gives the function to be called when it is done. */
  add(cursor: string): () => void {
    const entry: Entry = { cursor, done: false };
    this.#entries.push(entry);
    return () => {
      entry.done = true;
      while (this.#entries[0]?.done === true) this.#cursor = (this.#entries.shift() as Entry).cursor;
      this.#room();
    };
  }

  /** Resolves once fewer than `max` are under way, or `end` was called. */
  async room(max: number): Promise<void> {
    while (this.#entries.length >= max && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#room = resolve;
      });
    }
  }

  end(): void {
    this.#ended = true;
    this.#room();
  }
}
