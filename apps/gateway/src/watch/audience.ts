/**
 * The watches of one kind. Those that have sent everything wait here, each under what it is concerned with; a change wakes nobody else. What comes within
 * one tick is told at once, and those who ask the same question share the bytes of the answer.
 *
 *   change ──> waits for: all, its namespace, its name ──> due ──(tick)──> told
 */
import type { Clock, Position } from '@weft/api';
import type { ObjectChange } from '../model/change-ring.ts';
import type { KindView } from '../model/kind-view.ts';
import { Tick } from './tick.ts';

/** Answers end at multiples of so many changes: readers that came out of step, since some were slow, ask the same again from there on. */
const ANSWER_CHANGES = 64;
/** Of what is kept for others who ask the same, at most; the answer that was made last stays in any case. */
const ANSWERS_BYTES_MAX = 8 * 1024 * 1024;
const ANSWERS_MAX = 1_024;

/** Absent `namespace`: those of all. Absent `name`: all of them. */
export type Concern = Readonly<{ namespace?: string; name?: string }>;

/** `from`: nothing between what the watch has sent and this position concerns it. `end`: number of the change up to which it goes this time. */
export type News = Readonly<{ from: Position; end: number }>;

type Waiter = { from: Position; readonly wake: (news: News) => void };

/** What a question says about changes, the last of which is at `position`. `next` is the number of the one after that. */
export type Answer = Readonly<{ next: number; position: Position; version: string; bytes: Uint8Array }>;

type Kept = { readonly answer: Promise<Answer | undefined>; bytes: number };

export class Audience {
  readonly #view: KindView;
  readonly #tick: Tick;
  readonly #idle = new Map<string, Set<Waiter>>();
  #due = new Set<Waiter>();
  /** By question and number of the first change; the oldest goes first. */
  readonly #answers = new Map<string, Kept>();
  #answersBytes = 0;

  constructor(view: KindView, clock: Clock) {
    this.#view = view;
    this.#tick = new Tick(clock, () => this.#tell());
    view.follow((change, after) => this.#note(change, after));
  }

  /**
   * Calls `wake` once, when there is something for a watch that has sent everything up to `cursor`. Returns how to stop waiting, which gives whether
   * there was nothing for it so far.
   */
  wait(concern: Concern, cursor: Position, wake: (news: News) => void): () => boolean {
    const waiter: Waiter = { from: cursor, wake };
    if (this.#view.ring.after(cursor) !== this.#view.ring.next) {
      this.#due.add(waiter);
      this.#tick.due(this.#due.size);
      return () => {
        this.#due.delete(waiter);
        return false;
      };
    }
    const place = placeOf(concern);
    let waiters = this.#idle.get(place);
    if (waiters === undefined) this.#idle.set(place, (waiters = new Set()));
    waiters.add(waiter);
    return () => {
      this.#due.delete(waiter);
      const now = this.#idle.get(place);
      if (now?.delete(waiter) !== true) return false;
      if (now.size === 0) this.#idle.delete(place);
      return true;
    };
  }

  /** What the question says about changes from a number on, and before `end` at most; made once for all who ask. */
  answer(question: string, from: number, end: number, make: (end: number) => Promise<Answer | undefined>): Promise<Answer | undefined> {
    const place = `${from} ${question}`;
    const known = this.#answers.get(place);
    if (known !== undefined) return known.answer;
    const kept: Kept = { answer: make(Math.min(end, from - (from % ANSWER_CHANGES) + ANSWER_CHANGES)), bytes: 0 };
    this.#answers.set(place, kept);
    void kept.answer.then(
      (answer) => {
        // It may have had to go while it was made.
        if (this.#answers.get(place) !== kept) return;
        kept.bytes = answer?.bytes.length ?? 0;
        this.#answersBytes += kept.bytes;
        this.#forgetOldest();
      },
      () => this.#forget(place, kept),
    );
    if (this.#answers.size > ANSWERS_MAX) this.#forgetOldest();
    return kept.answer;
  }

  #forgetOldest(): void {
    for (const [place, kept] of this.#answers) {
      const isWithin = this.#answersBytes <= ANSWERS_BYTES_MAX && this.#answers.size <= ANSWERS_MAX;
      if (isWithin || this.#answers.size === 1) return;
      this.#forget(place, kept);
    }
  }

  #forget(place: string, kept: Kept): void {
    if (this.#answers.get(place) !== kept) return;
    this.#answers.delete(place);
    this.#answersBytes -= kept.bytes;
  }

  #note({ before, after }: ObjectChange, from: Position): void {
    if (this.#idle.size === 0) return;
    const { namespace = '', name } = (after ?? before)?.key ?? { name: '' };
    for (const place of [EVERYTHING, `${namespace}/`, `${namespace}/${name}`]) {
      const waiters = this.#idle.get(place);
      if (waiters === undefined) continue;
      this.#idle.delete(place);
      for (const waiter of waiters) {
        waiter.from = from;
        this.#due.add(waiter);
      }
    }
    this.#tick.due(this.#due.size);
  }

  #tell(): void {
    const due = this.#due;
    this.#due = new Set();
    const end = this.#view.ring.next;
    for (const { from, wake } of due) wake({ from, end });
  }
}

/** No namespace begins so. */
const EVERYTHING = '*';

function placeOf({ namespace, name }: Concern): string {
  if (namespace === undefined && name === undefined) return EVERYTHING;
  return `${namespace ?? ''}/${name ?? ''}`;
}
