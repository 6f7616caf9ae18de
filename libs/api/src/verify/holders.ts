/** Who holds what. As a rule each thing has one holder; a second one is a finding of whoever asks. */
export class Holders {
  readonly #holders = new Map<string, string | readonly string[]>();
  readonly #counts = new Map<string, number>();

  /** Gives another holder of the same, if there is one. */
  take(what: string, thing: string, holder: string): string | undefined {
    const key = `${what} ${thing}`;
    const present = this.#of(key);
    if (present.length === 0) this.#count(what, 1);
    if (!present.includes(holder)) this.#set(key, [...present, holder]);
    return present.find((other) => other !== holder);
  }

  release(what: string, thing: string, holder: string): void {
    const key = `${what} ${thing}`;
    const present = this.#of(key);
    const others = present.filter((other) => other !== holder);
    if (present.length > 0 && others.length === 0) this.#count(what, -1);
    this.#set(key, others);
  }

  /** How many things have a holder, by what they are. */
  get counts(): ReadonlyMap<string, number> {
    return this.#counts;
  }

  #count(what: string, more: number): void {
    this.#counts.set(what, (this.#counts.get(what) ?? 0) + more);
  }

  #of(key: string): readonly string[] {
    const held = this.#holders.get(key);
    return typeof held === 'string' ? [held] : (held ?? []);
  }

  #set(key: string, holders: readonly string[]): void {
    const [first] = holders;
    if (first === undefined) this.#holders.delete(key);
    else this.#holders.set(key, holders.length === 1 ? first : holders);
  }
}
