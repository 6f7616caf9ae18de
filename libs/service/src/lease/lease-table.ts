/**
 * Who holds which slot of a context (DESIGN 9.4, 10.24; ADR 39): the logic alone, without bus or timers; times are monotonic ms, passed in.
 *
 * Every replica announces, again and again, which slots it holds and which it claims. A slot belongs to the rendezvous winner among the members whose
 * announcements arrived lately. It changes hands in two steps, so that nobody holds it while another still does: the old holder stops and announces
 * itself without the slot, then the new one claims it, and holds it once that claim has come back over the bus. Who is silent is passed over.
 *
 *   others take over:                announcement received ... silence > takeoverMs ... they claim the slots
 *   own right to answer suspended:   announcement sent, came back ... validMs < takeoverMs ... suspended, until the next one comes back
 *
 * A holder keeps what it holds for as long as nobody else claims it, however long no announcement comes back. That is safe since the bus delivers
 * everything in one order: a holder that was stopped hears the claims that were made meanwhile before any later announcement of its own, so before
 * it may answer again. Who claims hears the holder first, if that spoke again, and waits until it has heard the claim. Whoever may have missed messages, since its connection
 * broke, listens for as long as another's right may last, and then claims anew what it holds.
 *
 * What is left to the expected revisions of the store: replicas that start in the same instant, and a bus cluster that is split or keeps no one order.
 */
import { weightsOf } from './rendezvous.ts';

export type Announcement = Readonly<{
  replica: string;
  seq: number;
  /** A joining replica listens and gets nothing yet; a leaving one has given up everything. */
  phase: 'joining' | 'member' | 'leaving';
  /** Slots held or claimed, as a hexadecimal bit mask. */
  holds: string;
  /** Those of them that are claimed: whoever holds one of them has lost it. Versions before 0.2 do not say it. */
  claims?: string;
}>;

export type LeaseTiming = Readonly<{
  /** Silence after which another's slots are free. */
  takeoverMs: number;
  /** For how long an announcement that came back allows answers from memory. Shorter than `takeoverMs`. */
  validMs: number;
}>;
export const LEASE_TIMING: LeaseTiming = { takeoverMs: 2_000, validMs: 1_200 };

type Member = { heardMs: number; holds: bigint; readonly weights: Float64Array };

/**
 * What the caller must do after a step: begin with `acquired`, stop with `releasing` (then call `released`), forget `lost`, which others have, and announce
 * if `announce` is set.
 */
export type LeaseStep = Readonly<{
  acquired: readonly number[];
  releasing: readonly number[];
  lost: readonly number[];
  announce: boolean;
}>;

export class LeaseTable {
  readonly #replica: string;
  readonly #all: bigint;
  readonly #slots: number;
  readonly #timing: LeaseTiming;
  readonly #weights: Float64Array;
  readonly #members = new Map<string, Member>();
  readonly #sent = new Map<number, { readonly ms: number; claimed: bigint }>();
  #seq = 0;
  #phase: 'joining' | 'member' | 'leaving' = 'joining';
  /** Nobody else is on this store and bus: nothing needs a proof. */
  #alone = false;
  /** When we have listened for long enough to know who holds what. */
  #settledMs = Number.POSITIVE_INFINITY;
  /** Slots that we announce. */
  #claimed = 0n;
  /** Of these: slots whose claim came back, with nothing missed since. */
  #confirmed = 0n;
  /** Slots of ours that another one says to hold as well, and that we claim once more. */
  #contested = 0n;
  /** Slots that the caller works on. */
  #held = 0n;
  /** Slots that the caller was asked to stop with, and has not stopped with yet. */
  #releasing = 0n;
  /** Slots that others have claimed, of which the caller does not know yet. */
  #lost = 0n;
  /** When the newest of our announcements that came back was sent. */
  #provenMs = Number.NEGATIVE_INFINITY;
  /** Since when our announcements come back in time. While they do not, that others are silent says nothing about them. */
  #hearingSinceMs = Number.POSITIVE_INFINITY;
  #changed = true;

  constructor(replica: string, slots: number, timing: LeaseTiming = LEASE_TIMING) {
    if (timing.validMs >= timing.takeoverMs) throw new Error('validMs must be shorter than takeoverMs');
    this.#replica = replica;
    this.#slots = slots;
    this.#all = (1n << BigInt(slots)) - 1n;
    this.#timing = timing;
    this.#weights = weightsOf(replica, slots);
  }

  /** Takes all slots at the next step, without a word. When another replica is heard all the same, this one becomes a member like others. */
  beAlone(): void {
    this.#alone = true;
    this.#phase = 'member';
    this.#claimed = this.#confirmed = this.#all;
  }

  /** Sets when we have listened for long enough: now if no other replica runs, else once every other one has announced itself or its right has lapsed. */
  settleAt(ms: number): void {
    this.#settledMs = ms;
  }

  /** Whether `settleAt` was called since the start, or since messages were missed. */
  get isSettled(): boolean {
    return this.#alone || this.#settledMs !== Number.POSITIVE_INFINITY;
  }

  /** Messages may have been missed. What is held is kept, and answers nothing from memory before it was claimed anew. */
  missed(): void {
    if (this.#alone) return;
    this.#settledMs = Number.POSITIVE_INFINITY;
    this.#confirmed = 0n;
    this.#sent.clear();
    this.#withdraw(this.#claimed & ~this.#held);
  }

  get phase(): 'joining' | 'member' | 'leaving' {
    return this.#phase;
  }

  get isAlone(): boolean {
    return this.#alone;
  }

  get heldSlots(): readonly number[] {
    return slotsOf(this.#held);
  }

  /** Whether answers from memory about this slot are allowed now. */
  isValid(slot: number, nowMs: number): boolean {
    if ((this.#held & this.#confirmed & (1n << BigInt(slot))) === 0n) return false;
    return this.#alone || nowMs - this.#provenMs <= this.#timing.validMs;
  }

  /** For how long the newest proof was out of date while something is held; 0 while it is not. */
  suspendedMs(nowMs: number): number {
    if (this.#held === 0n || this.#alone) return 0;
    return Math.max(0, nowMs - this.#provenMs - this.#timing.validMs);
  }

  /** Slots of the others, as heard lately, by replica. */
  others(nowMs: number): ReadonlyMap<string, readonly number[]> {
    const lately = [...this.#members].filter(([, { heardMs }]) => nowMs - heardMs <= this.#timing.takeoverMs);
    return new Map(lately.map(([replica, { holds }]) => [replica, slotsOf(holds)]));
  }

  /** Whether the others, as heard lately, hold every slot. */
  othersHoldAll(nowMs: number): boolean {
    let holds = 0n;
    for (const member of this.#members.values()) if (nowMs - member.heardMs <= this.#timing.takeoverMs) holds |= member.holds;
    return (holds & this.#all) === this.#all;
  }

  /** The next announcement to send, at once. */
  announcement(nowMs: number): Announcement {
    const seq = ++this.#seq;
    const isSettled = nowMs >= this.#settledMs;
    // Until we have listened, what comes back proves nothing.
    if (isSettled) this.#sent.set(seq, { ms: nowMs, claimed: this.#claimed });
    if (this.#sent.size > 64) this.#sent.delete(this.#sent.keys().next().value as number);
    this.#changed = false;
    // While something is still held, a leaving replica is a member like others: they must not begin before it has stopped.
    const phase = this.#phase === 'leaving' && this.#claimed !== 0n ? 'member' : this.#phase;
    const claims = isSettled ? this.#claimed & (~this.#confirmed | this.#contested) : 0n;
    return { replica: this.#replica, seq, phase, holds: this.#claimed.toString(16), claims: claims.toString(16) };
  }

  heard(announcement: Announcement, nowMs: number): void {
    const { replica, phase, seq } = announcement;
    if (replica === this.#replica) {
      this.#cameBack(seq, nowMs);
      return;
    }
    if (this.#alone) this.#joinOthers(nowMs);
    if (phase === 'leaving') this.#members.delete(replica);
    else if (phase === 'member') this.#heardMember(announcement, nowMs);
    else if (this.#phase !== 'joining') this.#changed = true; // We announce ourselves to the replica that joins; it has nothing to say to another one.
  }

  #heardMember({ replica, holds: holdsText, claims: claimsText }: Announcement, nowMs: number): void {
    const holds = maskOf(holdsText);
    const member = this.#members.get(replica);
    if (member === undefined) {
      this.#members.set(replica, { heardMs: nowMs, holds, weights: weightsOf(replica, this.#slots) });
      this.#changed = true;
    } else {
      member.heardMs = nowMs;
      member.holds = holds;
    }
    // Of what we held before we missed something, we cannot know who was first.
    this.#lose(holds & this.#held & ~this.#confirmed);
    this.#contest(replica, holds & this.#held);
    const isStale = nowMs - this.#provenMs > this.#timing.validMs;
    this.#lose((claimsText === undefined ? (isStale ? holds : 0n) : maskOf(claimsText)) & this.#held);
  }

  /** What two hold (one of them has not yet heard that it lost it, or missed that, as in a bus that was split) is the winner's, who claims it once more. */
  #contest(replica: string, mask: bigint): void {
    for (const slot of slotsOf(mask)) {
      if (this.#isBeatenBy(replica, slot)) continue;
      this.#contested |= 1n << BigInt(slot);
      this.#changed = true;
    }
  }

  #isBeatenBy(replica: string, slot: number): boolean {
    const mine = this.#weights[slot] as number;
    const other = (this.#members.get(replica) as Member).weights[slot] as number;
    return other > mine || (other === mine && replica < this.#replica);
  }

  step(nowMs: number): LeaseStep {
    if (this.#phase === 'leaving') return this.#result([], this.#startReleasing(this.#claimed));
    if (this.#alone) return this.#result(this.#acquire(0n), []);
    if (nowMs < this.#settledMs) return this.#result([], []);
    if (this.#phase === 'joining') {
      this.#phase = 'member';
      this.#changed = true;
    }
    this.#dropSilentMembers(nowMs);
    const [won, othersHold] = this.#assignment();
    const releasing = this.#startReleasing(this.#claimed & ~won);
    if ((this.#claimed & ~this.#confirmed) !== 0n && this.#sent.size === 0) this.#changed = true; // What we held before we missed something.
    const take = won & ~this.#claimed & ~othersHold;
    if (take !== 0n) {
      this.#claimed |= take;
      this.#changed = true;
    }
    return this.#result(this.#acquire(othersHold), releasing);
  }

  /** The caller has stopped with a slot of `releasing`: others may have it. */
  released(slot: number): void {
    this.#forget(1n << BigInt(slot));
    this.#changed = true;
  }

  /** Begins to give up everything; the steps that follow name the slots. */
  leave(): void {
    this.#phase = 'leaving';
    this.#changed = true;
  }

  /** From now on others have to hear of us, and we of them. */
  #joinOthers(nowMs: number): void {
    this.#alone = false;
    this.#settledMs = this.#provenMs = this.#hearingSinceMs = nowMs;
    this.#changed = true;
  }

  #cameBack(seq: number, nowMs: number): void {
    const sent = this.#sent.get(seq);
    if (sent === undefined) return;
    for (const old of [...this.#sent.keys()]) if (old <= seq) this.#sent.delete(old);
    this.#provenMs = Math.max(this.#provenMs, sent.ms);
    if (nowMs - this.#provenMs <= this.#timing.validMs) this.#hearingSinceMs = Math.min(this.#hearingSinceMs, nowMs);
    this.#confirmed |= sent.claimed;
    this.#contested &= ~sent.claimed;
  }

  /**
   * Silence counts only while our own announcements come back. After a time in which they did not (we stood still, or the bus) the others get all of
   * `takeoverMs` again, since they may have stood still as well.
   */
  #dropSilentMembers(nowMs: number): void {
    const { takeoverMs, validMs } = this.#timing;
    if (nowMs - this.#provenMs > validMs) this.#hearingSinceMs = Number.POSITIVE_INFINITY;
    for (const [replica, { heardMs }] of this.#members) {
      if (nowMs - Math.max(heardMs, this.#hearingSinceMs) > takeoverMs) this.#members.delete(replica);
    }
  }

  /** Slots whose claim has come back, and of which no other member has said meanwhile that it holds them. */
  #acquire(blocked: bigint): readonly number[] {
    const fresh = this.#confirmed & this.#claimed & ~this.#held & ~this.#releasing & ~blocked;
    this.#held |= fresh;
    return slotsOf(fresh);
  }

  #startReleasing(mask: bigint): readonly number[] {
    // Nobody works on a slot that was claimed and not yet acquired.
    this.#withdraw(mask & ~this.#held);
    const fresh = mask & this.#held & ~this.#releasing;
    this.#releasing |= fresh;
    return slotsOf(fresh);
  }

  #withdraw(mask: bigint): void {
    if (mask === 0n) return;
    this.#forget(mask);
    this.#changed = true;
  }

  #lose(mask: bigint): void {
    if (mask === 0n) return;
    this.#lost |= mask;
    this.#forget(mask);
    this.#changed = true;
  }

  #forget(mask: bigint): void {
    this.#claimed &= ~mask;
    this.#confirmed &= ~mask;
    this.#contested &= ~mask;
    this.#held &= ~mask;
    this.#releasing &= ~mask;
    // What is still on its way is no claim that is made later.
    for (const sent of this.#sent.values()) sent.claimed &= ~mask;
  }

  /** Slots that are ours by rendezvous, and slots that others announce to hold. */
  #assignment(): [won: bigint, othersHold: bigint] {
    let won = 0n;
    let othersHold = 0n;
    for (const { holds } of this.#members.values()) othersHold |= holds;
    for (let slot = 0; slot < this.#slots; slot++) {
      let best = true;
      for (const replica of this.#members.keys()) if (this.#isBeatenBy(replica, slot)) best = false;
      if (best) won |= 1n << BigInt(slot);
    }
    return [won, othersHold];
  }

  #result(acquired: readonly number[], releasing: readonly number[]): LeaseStep {
    const lost = slotsOf(this.#lost);
    this.#lost = 0n;
    return { acquired, releasing, lost, announce: this.#changed && !this.#alone };
  }
}

function maskOf(text: string): bigint {
  return BigInt(`0x${text}`);
}

function slotsOf(mask: bigint): number[] {
  const slots: number[] = [];
  for (let slot = 0, rest = mask; rest !== 0n; slot++, rest >>= 1n) if ((rest & 1n) !== 0n) slots.push(slot);
  return slots;
}
