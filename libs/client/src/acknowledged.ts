/** What was delivered and is not done yet, in order: how far everything is done follows from it. */
type Entry = { readonly position: string; done: boolean };

export class Acknowledged {
  readonly #entries: Entry[] = [];
  #position: string | undefined;
  #ended = false;
  #room: () => void = () => {};

  /** Everything up to here is done. Undefined: nothing yet. */
  get position(): string | undefined {
    return this.#position;
  }

  /** Gives the function to be called when it is done. */
  add(position: string): () => void {
    const entry: Entry = { position, done: false };
    this.#entries.push(entry);
    return () => {
      entry.done = true;
      while (this.#entries[0]?.done === true) this.#position = (this.#entries.shift() as Entry).position;
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
