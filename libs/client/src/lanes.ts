/** Work in lanes: what is in one lane is done in order, lanes side by side, so many at a time. */
export class Lanes {
  readonly #atOnceMax: number;
  readonly #lanes = new Map<string, (() => Promise<void>)[]>();
  readonly #idle: string[] = [];
  readonly #running = new Set<Promise<void>>();

  constructor(atOnceMax: number) {
    this.#atOnceMax = atOnceMax;
  }

  /** `work` must not reject. */
  put(lane: string, work: () => Promise<void>): void {
    const waiting = this.#lanes.get(lane);
    if (waiting !== undefined) {
      waiting.push(work);
      return;
    }
    this.#lanes.set(lane, [work]);
    this.#idle.push(lane);
    this.#begin();
  }

  /** Resolves when nothing is under way. */
  async done(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  #begin(): void {
    while (this.#running.size < this.#atOnceMax && this.#idle.length > 0) {
      const running = this.#run(this.#idle.shift() as string).then(() => {
        this.#running.delete(running);
        this.#begin();
      });
      this.#running.add(running);
    }
  }

  async #run(lane: string): Promise<void> {
    const waiting = this.#lanes.get(lane) as (() => Promise<void>)[];
    await waiting[0]?.();
    waiting.shift();
    // One that has more to do waits behind the others.
    if (waiting.length > 0) this.#idle.push(lane);
    else this.#lanes.delete(lane);
  }
}
