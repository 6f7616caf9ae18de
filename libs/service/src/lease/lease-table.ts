/**
 * Who holds which slot of a context (DESIGN 9.4): the logic alone, without bus or timers; times are monotonic ms, passed in.
 *
 * Every replica announces, again and again, which slots it holds. A slot belongs to the rendezvous winner among the members whose announcements
 * arrived lately. It changes hands in two steps, so that nobody holds it while another still does: the old holder stops and announces itself without
 * the slot, then the new one announces itself with it and begins once its own announcement has come back over the bus.
 *
 *   others take over:                announcement received ... silence > takeoverMs ... they take the slots
 *   own right to answer lapses:      announcement sent, came back ... validMs < takeoverMs ... lapsed
 *
 * A holder counts from the moment when it *sent* the announcement that came back, the others from the later moment when they received it. So the
 * holder's right has lapsed before anyone else may begin, however long it was stopped in between. Two cases are left to the expected revisions of the
 * store: replicas that start in the same instant, and a bus cluster that is split.
 */
import { weightsOf } from './rendezvous.ts';

export type Announcement = Readonly<{
  replica: string;
  seq: number;
  /** A joining replica listens and gets nothing yet; a leaving one has given up everything. */
  phase: 'joining' | 'member' | 'leaving';
  /** Slots held, as a hexadecimal bit mask. */
  holds: string;
}>;

export type LeaseTiming = Readonly<{
  /** Silence after which another's slots are free. */
  takeoverMs: number;
  /** For how long an announcement that came back allows answers from memory. Shorter than `takeoverMs`. */
  validMs: number;
}>;
export const LEASE_TIMING: LeaseTiming = { takeoverMs: 2_000, validMs: 1_200 };

type Member = { heardMs: number; holds: bigint; readonly weights: Float64Array };

/** What the caller must do after a step: begin with `acquired`, stop with `releasing` (then call `released`), and announce if `announce` is set. */
export type LeaseStep = Readonly<{ acquired: readonly number[]; releasing: readonly number[]; lost: boolean; announce: boolean }>;

export class LeaseTable {
  readonly #replica: string;
  readonly #slots: number;
  readonly #timing: LeaseTiming;
  readonly #weights: Float64Array;
  readonly #members = new Map<string, Member>();
  readonly #sentMs = new Map<number, { ms: number; holds: bigint }>();
  #seq = 0;
  #phase: 'joining' | 'member' | 'leaving' = 'joining';
  #joinAtMs = Number.POSITIVE_INFINITY;
  /** Slots that we announce as ours, or are about to. */
  #claimed = 0n;
  /** Slots that are ours: an announcement with them came back. */
  #held = 0n;
  /** Slots that the caller was asked to stop with, and has not stopped with yet. */
  #releasing = 0n;
  /** When the newest of our announcements that came back was sent. */
  #provenMs = Number.NEGATIVE_INFINITY;
  #proven = 0n;
  #changed = true;

  constructor(replica: string, slots: number, timing: LeaseTiming = LEASE_TIMING) {
    if (timing.validMs >= timing.takeoverMs) throw new Error('validMs must be shorter than takeoverMs');
    this.#replica = replica;
    this.#slots = slots;
    this.#timing = timing;
    this.#weights = weightsOf(replica, slots);
  }

  /** Sets when slots may be taken: now if no other replica runs, else once every other one has announced itself or has lapsed. */
  joinAt(ms: number): void {
    if (this.#phase === 'joining') this.#joinAtMs = ms;
  }

  /** Whether `joinAt` was called since the last start or loss. */
  get joinSettled(): boolean {
    return this.#joinAtMs !== Number.POSITIVE_INFINITY;
  }

  get phase(): 'joining' | 'member' | 'leaving' {
    return this.#phase;
  }

  holds(slot: number): boolean {
    return (this.#held & (1n << BigInt(slot))) !== 0n;
  }

  get heldSlots(): readonly number[] {
    return slotsOf(this.#held);
  }

  /** Whether answers from memory are allowed now. */
  isValid(nowMs: number): boolean {
    return nowMs - this.#provenMs <= this.#timing.validMs;
  }

  /** The next announcement to send, at once. */
  announcement(nowMs: number): Announcement {
    const seq = ++this.#seq;
    this.#sentMs.set(seq, { ms: nowMs, holds: this.#claimed });
    if (this.#sentMs.size > 64) this.#sentMs.delete(this.#sentMs.keys().next().value as number);
    this.#changed = false;
    // While something is still held, a leaving replica is a member like others: they must not begin before it has stopped.
    const phase = this.#phase === 'leaving' && this.#claimed !== 0n ? 'member' : this.#phase;
    return { replica: this.#replica, seq, phase, holds: this.#claimed.toString(16) };
  }

  heard(announcement: Announcement, nowMs: number): void {
    const { replica, phase, seq } = announcement;
    if (replica === this.#replica) this.#cameBack(seq);
    else if (phase === 'leaving') this.#members.delete(replica);
    else if (phase === 'joining')
      this.#changed = true; // We announce ourselves to the replica that joins.
    else this.#heardMember(replica, BigInt(`0x${announcement.holds}`), nowMs);
  }

  #heardMember(replica: string, holds: bigint, nowMs: number): void {
    const member = this.#members.get(replica);
    if (member === undefined) {
      this.#members.set(replica, { heardMs: nowMs, holds, weights: weightsOf(replica, this.#slots) });
      this.#changed = true;
    } else {
      member.heardMs = nowMs;
      member.holds = holds;
    }
  }

  step(nowMs: number): LeaseStep {
    for (const [replica, { heardMs }] of this.#members) if (nowMs - heardMs > this.#timing.takeoverMs) this.#members.delete(replica);
    if (this.#phase === 'leaving') return this.#result([], this.#startReleasing(this.#claimed), false);
    // For so long perhaps nobody has received our announcements, so the slots may belong to others by now.
    if (this.#phase === 'member' && nowMs - this.#provenMs > this.#timing.takeoverMs) return this.#loseAll();
    if (this.#phase === 'joining') {
      if (nowMs < this.#joinAtMs) return this.#result([], [], false);
      this.#phase = 'member';
      this.#provenMs = nowMs; // Nothing is held yet; the count to `loseAll` begins here.
      this.#changed = true;
    }
    const [won, othersHold] = this.#assignment();
    const releasing = this.#startReleasing(this.#claimed & ~won);
    const take = won & ~this.#claimed & ~othersHold;
    if (take !== 0n) {
      this.#claimed |= take;
      this.#changed = true;
    }
    return this.#result(this.#acquire(othersHold), releasing, false);
  }

  /** The caller has stopped with a slot of `releasing`: others may have it. */
  released(slot: number): void {
    const bit = 1n << BigInt(slot);
    this.#releasing &= ~bit;
    this.#claimed &= ~bit;
    this.#held &= ~bit;
    this.#changed = true;
  }

  /** Begins to give up everything; the steps that follow name the slots. */
  leave(): void {
    this.#phase = 'leaving';
    this.#changed = true;
  }

  #cameBack(seq: number): void {
    const sent = this.#sentMs.get(seq);
    if (sent === undefined) return;
    for (const old of [...this.#sentMs.keys()]) if (old <= seq) this.#sentMs.delete(old);
    if (this.#phase !== 'member') return;
    this.#provenMs = Math.max(this.#provenMs, sent.ms);
    this.#proven = sent.holds;
  }

  /** Slots whose claim has come back, was not withdrawn, and that no other member holds. */
  #acquire(blocked: bigint): readonly number[] {
    const fresh = this.#proven & this.#claimed & ~this.#held & ~this.#releasing & ~blocked;
    this.#held |= fresh;
    return slotsOf(fresh);
  }

  #startReleasing(mask: bigint): readonly number[] {
    // Nobody works on a slot that was claimed and not yet acquired: its claim is withdrawn at once.
    const unused = mask & ~this.#held;
    if (unused !== 0n) {
      this.#claimed &= ~unused;
      this.#changed = true;
    }
    const fresh = mask & this.#held & ~this.#releasing;
    this.#releasing |= fresh;
    return slotsOf(fresh);
  }

  /** Slots that are ours by rendezvous, and slots that others announce to hold. */
  #assignment(): [won: bigint, othersHold: bigint] {
    let won = 0n;
    let othersHold = 0n;
    for (const { holds } of this.#members.values()) othersHold |= holds;
    for (let slot = 0; slot < this.#slots; slot++) {
      const mine = this.#weights[slot] as number;
      let best = true;
      for (const [replica, { weights }] of this.#members) {
        const other = weights[slot] as number;
        if (other > mine || (other === mine && replica < this.#replica)) best = false;
      }
      if (best) won |= 1n << BigInt(slot);
    }
    return [won, othersHold];
  }

  #loseAll(): LeaseStep {
    this.#claimed = this.#held = this.#releasing = this.#proven = 0n;
    this.#sentMs.clear();
    this.#members.clear();
    this.#phase = 'joining';
    this.#joinAtMs = Number.POSITIVE_INFINITY;
    this.#changed = true;
    return { acquired: [], releasing: [], lost: true, announce: false };
  }

  #result(acquired: readonly number[], releasing: readonly number[], lost: boolean): LeaseStep {
    return { acquired, releasing, lost, announce: this.#changed };
  }
}

function slotsOf(mask: bigint): number[] {
  const slots: number[] = [];
  for (let slot = 0, rest = mask; rest !== 0n; slot++, rest >>= 1n) if ((rest & 1n) !== 0n) slots.push(slot);
  return slots;
}
