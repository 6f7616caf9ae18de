/**
 * How far a projector's numbered progress messages are known without a gap. Each names its predecessor's number; a message whose predecessor was
 * missed says nothing about what changed before it, so the states of all tables have to be asked for.
 */

import type { ProgressMessage, RevsMessage } from './row-messages.ts';

export class ProgressTrail {
  /** The last progress message that everything known accounts for. */
  #known: Readonly<{ number: number; upTo: bigint }> | undefined;
  #numberSeen = 0;
  #hasGap = true;

  /** The position to which the projector had read at the last message without a gap. */
  get upTo(): bigint | undefined {
    return this.#known?.upTo;
  }

  /** The states of all followed tables have to be asked for. */
  get hasGap(): boolean {
    return this.#hasGap;
  }

  /** Messages may have been missed. */
  noteGap(): void {
    this.#hasGap = true;
  }

  /** Another projector speaks now, with numbers of its own. */
  restart(): void {
    this.#known = undefined;
    this.#numberSeen = 0;
    this.#hasGap = true;
  }

  /** True when what was made after message `number` accounts for all that is known. */
  reaches(number: number): boolean {
    return this.#known !== undefined && number >= this.#known.number;
  }

  /** True when it follows the last one without a gap, so that what it names is all that changed. */
  follow({ number, previous, upTo }: ProgressMessage): boolean {
    this.#numberSeen = Math.max(this.#numberSeen, number);
    if (this.#known !== undefined && previous === this.#known.number) {
      this.#known = { number, upTo };
      return true;
    }
    if (this.#known === undefined || number > this.#known.number) this.#hasGap = true;
    return false;
  }

  /** While no table is followed a gap matters to nobody. */
  followFreely({ number, upTo }: ProgressMessage): void {
    this.#numberSeen = Math.max(this.#numberSeen, number);
    if (this.#known === undefined || number > this.#known.number) this.#known = { number, upTo };
    this.#hasGap = false;
  }

  /** The answer to an ask for all states. False when later messages overtook it: it counts for nothing then. */
  answered({ number, upTo }: RevsMessage): boolean {
    if (this.#known !== undefined && number < this.#known.number) return false;
    this.#known = { number, upTo };
    this.#hasGap = number < this.#numberSeen;
    return true;
  }
}
