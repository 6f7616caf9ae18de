/** Work that shares something goes one after another, in the order in which it came; other work goes beside it. */
export class Turns {
  /** The last work that has a share in something. */
  readonly #last = new Map<string, Promise<unknown>>();
  /** The last work that shares everything. */
  #alone: Promise<unknown> = Promise.resolve();

  /** `shares` undefined: it goes alone. Settles as `work` does. */
  take<T>(shares: Iterable<string> | undefined, work: () => Promise<T>): Promise<T> {
    const names = shares === undefined ? [...this.#last.keys()] : [...new Set(shares)];
    const result = Promise.all([this.#alone, ...names.map((name) => this.#last.get(name))]).then(work);
    const done = result.catch(() => {});
    if (shares === undefined) this.#alone = done;
    for (const name of names) this.#last.set(name, done);
    void done.then(() => {
      for (const name of names) if (this.#last.get(name) === done) this.#last.delete(name);
    });
    return result;
  }

  /** Resolves when what was taken until now is done. */
  async idle(): Promise<void> {
    await Promise.all([this.#alone, ...this.#last.values()]);
  }
}
