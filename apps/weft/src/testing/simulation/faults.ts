/** What is wrong in the world right now, and how often each kind of fault has struck. */
import { below, type Random } from '@weft/testing';

/** Of messages, of the store and of disks: each lasts for a while and strikes a share of what passes. */
export const WINDOWS = [
  'lose',
  'lose-rows',
  'double',
  'delay',
  'reorder',
  'lose-answer',
  'store-down',
  'store-slow',
  'store-lost-answer',
  'disk-full',
] as const;
export type Window = (typeof WINDOWS)[number];

const OF_MESSAGES: readonly Window[] = ['lose', 'delay', 'reorder', 'lose-answer'];

export class Faults {
  readonly counts = new Map<string, number>();
  readonly #random: Random;
  readonly #nowMs: () => number;
  #lastOfMessagesMs = Number.NEGATIVE_INFINITY;
  readonly #open = new Map<Window, number[]>();

  constructor(random: Random, nowMs: () => number) {
    this.#random = random;
    this.#nowMs = nowMs;
  }

  /** When a message last did not come as it should, or will not. */
  get lastOfMessagesMs(): number {
    return this.#lastOfMessagesMs;
  }

  messagesFail(untilMs: number): void {
    this.#lastOfMessagesMs = Math.max(this.#lastOfMessagesMs, untilMs);
  }

  open(window: Window, share: number): () => void {
    const shares = this.#open.get(window) ?? [];
    this.#open.set(window, shares);
    shares.push(share);
    return () => {
      const at = shares.indexOf(share);
      if (at >= 0) shares.splice(at, 1);
    };
  }

  isOpen(...windows: readonly Window[]): boolean {
    return windows.some((window) => (this.#open.get(window)?.length ?? 0) > 0);
  }

  closeAll(): void {
    this.#open.clear();
  }

  /** Whether it strikes here and now. */
  strikes(window: Window): boolean {
    const shares = this.#open.get(window);
    if (shares === undefined || shares.length === 0) return false;
    if (this.#random() >= Math.max(...shares)) return false;
    this.count(window);
    if (OF_MESSAGES.includes(window)) this.messagesFail(this.#nowMs());
    return true;
  }

  count(fault: string): void {
    this.counts.set(fault, (this.counts.get(fault) ?? 0) + 1);
  }

  /** In ms, for a way that goes well. */
  way(): number {
    return 0.05 + this.#random() * 0.95;
  }

  upTo(ms: number): number {
    return below(this.#random, ms);
  }
}
