/**
 * What is owed to the kernel, by where it belongs: a lane for each network, and one for the host. Lanes go beside each other, and one after another only where
 * they share something (`sharesOf`).
 */

/** Removals, and what belongs to a network that was found unfinished, wait for all rows. They count as answered for. */
export const ALL_ROWS = 'all rows';

export class Lane {
  readonly scope: string;
  /** To be compared, and written where they differ. Routes are by themselves, since they may be very many, and nothing but their peers needs them. */
  readonly due = new Set<string>();
  readonly routes = new Set<string>();
  /** By what they wait for. */
  readonly #waiting = new Map<string, Set<string>>();
  /** Number of the oldest note that is not answered for: of what is due or waits, and of what is being written. */
  #since: number | undefined;
  #writingSince: number | undefined;

  constructor(scope: string) {
    this.scope = scope;
  }

  /** Nothing is owed. */
  get isOver(): boolean {
    return !this.isDue && this.#waiting.size === 0 && !this.isWriting;
  }
  get isDue(): boolean {
    return this.due.size + this.routes.size > 0;
  }
  get isWriting(): boolean {
    return this.#writingSince !== undefined;
  }
  isAnswered(note: number): boolean {
    return [this.#since, this.#writingSince].every((oldest) => oldest === undefined || note < oldest);
  }

  mark(key: string, note: number): void {
    (key.startsWith('route/') ? this.routes : this.due).add(key);
    this.#since = Math.min(note, this.#since ?? note);
  }

  wait(key: string, what: string): void {
    const keys = this.#waiting.get(what);
    if (keys === undefined) this.#waiting.set(what, new Set([key]));
    else keys.add(key);
  }

  /** What waited becomes due where the wait is over. O(what is waited for). */
  wake(waitOf: (key: string) => string | undefined): void {
    for (const [what, keys] of this.#waiting) {
      const [first = ''] = keys;
      if (waitOf(first) === what) continue;
      this.#waiting.delete(what);
      // What was answered for without it is not done before it is.
      for (const key of keys) this.mark(key, what === ALL_ROWS ? 0 : (this.#since ?? 0));
    }
  }

  /** All that is due, but for routes beyond so many. */
  take(routesMax: number): readonly string[] {
    const taken = [...this.due];
    this.due.clear();
    for (const key of this.routes) {
      if (routesMax-- <= 0) break;
      this.routes.delete(key);
      taken.push(key);
    }
    return taken;
  }

  /** What was taken is written, but for what is due again. */
  begin(): void {
    this.#writingSince = this.#since ?? 0;
    if (!this.isDue && [...this.#waiting.keys()].every((what) => what === ALL_ROWS)) this.#since = undefined;
  }

  end(): void {
    this.#writingSince = undefined;
  }
}

/** Lanes that can only go together, with all that they share in. */
export type Group = { readonly lanes: Lane[]; readonly shares: Set<string> };

/** Those that share something become one. */
export function joined(groups: readonly Group[]): readonly Group[] {
  const byShare = new Map<string, Group>();
  const left = new Set(groups);
  for (const group of groups) {
    for (const share of [...group.shares]) {
      const other = byShare.get(share);
      if (other !== undefined && other !== group) {
        left.delete(other);
        group.lanes.push(...other.lanes);
        for (const each of other.shares) {
          group.shares.add(each);
          byShare.set(each, group);
        }
      }
      byShare.set(share, group);
    }
  }
  return [...left];
}
