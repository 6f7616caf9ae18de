/**
 * Work on rows, in a queue for each network and one for what concerns the host: a piece of each in turn, in slices, since the rows of a large table may come
 * all at once, and nobody waits for those of another network.
 */
import { type Clock, Slices } from '@weft/api';
import type { RowChange } from '@weft/bus';

/** What concerns the host, in place of a network. */
export const HOST = 0;

/** What is to be done, and how much of it was. `gate`: what came before in this queue was all up to there. */
export type Work =
  | {
      readonly what: 'rows';
      readonly table: string;
      readonly rev: bigint;
      readonly changes: readonly RowChange[];
      readonly delivered: Date;
      done: number;
    }
  | { readonly what: 'forget'; readonly table: string; readonly changes: readonly RowChange[]; done: number }
  | { readonly what: 'raise'; readonly nics: readonly string[]; done: number }
  | { readonly what: 'gate'; readonly gate: bigint | undefined };

/** `taken`: when its work came, among all; for what comes before the others, when that came. */
export type Queue = { readonly vni: number; work: { readonly work: Work; readonly taken: number }[]; gate: bigint | undefined };
type Mark = Readonly<{ taken: number; reached: () => void }>;

export class RowQueues {
  readonly #slices: Slices;
  /** Those with work, least recently served first. */
  readonly #queues = new Map<number, Queue>();
  /** The oldest that is not reached, and the newest. */
  #marks: Mark[] = [];
  #taken = 0;
  /** The rest of the work follows in the next slice, or whoever works now goes on with it. */
  #waits = false;
  readonly #workOn: (queue: Queue, work: Work) => void;

  /** `workOn` does one piece, and takes what is done from its queue (`done`) before it tells anybody. */
  constructor(clock: Clock, workOn: (queue: Queue, work: Work) => void) {
    this.#slices = new Slices(clock);
    this.#workOn = workOn;
  }

  get isIdle(): boolean {
    return this.#queues.size === 0;
  }
  /** Undefined while it has no work. */
  of(vni: number): Queue | undefined {
    return this.#queues.get(vni);
  }
  get busy(): Iterable<number> {
    return [...this.#queues.keys()];
  }

  /** `gate`: how far the work of this network is done, when it had none until now. */
  take(vni: number, work: Work, gate?: bigint): void {
    const queue = this.#queues.get(vni) ?? { vni, work: [], gate };
    this.#queues.set(vni, queue);
    const taken = ++this.#taken;
    const last = queue.work.at(-1);
    // One that says how far all is replaces the one before it.
    if (work.what === 'gate' && last?.work.what === 'gate') queue.work[queue.work.length - 1] = { work, taken: last.taken };
    else queue.work.push({ work, taken });
    this.#workOff();
  }

  /** Before all other work of this network; what raises links replaces what does so already. */
  takeFirst(vni: number, work: Work): void {
    const queue = this.#queues.get(vni) ?? { vni, work: [], gate: undefined };
    this.#queues.set(vni, queue);
    const [first] = queue.work;
    if (first?.work.what === work.what) queue.work.shift();
    queue.work.unshift({ work, taken: first?.taken ?? this.#taken });
    this.#workOff();
  }

  /** The first work of this queue is done. */
  done(queue: Queue): void {
    queue.work.shift();
    if (queue.work.length === 0) this.#queues.delete(queue.vni);
  }

  drop(vni: number, isDropped: (work: Work) => boolean): void {
    const queue = this.#queues.get(vni);
    if (queue === undefined) return;
    queue.work = queue.work.filter(({ work }) => !isDropped(work));
    if (queue.work.length === 0) this.#queues.delete(vni);
  }

  clear(): void {
    this.#queues.clear();
    this.#marks = [];
  }

  /** Once all that was taken until now is done. Where many wait, only the oldest and the newest are told. */
  whenDone(reached: () => void): void {
    this.#marks = [...this.#marks.slice(0, 1), { taken: this.#taken, reached }];
    this.#workOff();
  }

  #workOff(): void {
    if (this.#waits) return;
    this.#waits = true; // What is taken meanwhile comes behind the rest.
    this.#reachMarks();
    for (let queue = this.#next(); queue !== undefined; queue = this.#next()) {
      this.#workOn(queue, queue.work[0]!.work);
      this.#reachMarks();
      const next = this.#slices.next();
      if (next === undefined) continue;
      void next.then(() => {
        this.#waits = false;
        this.#workOff();
      });
      return;
    }
    this.#waits = false;
  }

  /** It goes behind the others. */
  #next(): Queue | undefined {
    const [queue] = this.#queues.values();
    if (queue === undefined) return undefined;
    this.#queues.delete(queue.vni);
    this.#queues.set(queue.vni, queue);
    return queue;
  }

  #reachMarks(): void {
    for (let [mark] = this.#marks; mark !== undefined; [mark] = this.#marks) {
      for (const { work } of this.#queues.values()) if (work[0]!.taken <= mark.taken) return;
      this.#marks.shift();
      mark.reached();
    }
  }
}
