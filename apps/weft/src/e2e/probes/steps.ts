/** What was done while probes ran, so that each gap of a probe can be told with it. */
import type { ProbeGap, ProbeResult } from '@weft/testing';

export type ToldGap = Readonly<{
  way: string;
  /** Since the first step. */
  atMs: number;
  ms: number;
  lost: number;
  first: number;
  last: number;
  /** Under way when the gap began, and the one before. */
  step: string;
  before: string;
}>;

export class Steps {
  readonly #startMs: number;
  readonly #steps: { name: string; atMs: number }[] = [];

  constructor(nowMs: number) {
    this.#startMs = nowMs;
  }

  /** Ends the step before. */
  begin(name: string, nowMs: number): void {
    this.#steps.push({ name, atMs: nowMs - this.#startMs });
  }

  /** All gaps of all ways, in the order in which they began. */
  gapsOf(results: Readonly<Record<string, ProbeResult>>): readonly ToldGap[] {
    const told = Object.entries(results).flatMap(([way, { gaps }]) => gaps.map((gap) => this.#told(way, gap)));
    return told.sort((one, other) => one.atMs - other.atMs);
  }

  #told(way: string, { ms, untilMs, first, last, lost }: ProbeGap): ToldGap {
    const atMs = Math.round(untilMs - ms - this.#startMs);
    const index = this.#steps.findLastIndex((step) => step.atMs <= atMs);
    const name = (at: number) => {
      const step = this.#steps[at];
      return step === undefined ? 'nothing' : `${step.name} (since ${Math.round(step.atMs)} ms)`;
    };
    return { way, atMs, ms: Math.round(ms), lost, first, last, step: name(index), before: name(index - 1) };
  }
}

export function sentenceOf({ way, atMs, ms, lost, first, last, step, before }: ToldGap): string {
  return `gap: ${way} at ${atMs} ms for ${ms} ms, ${lost} lost of numbers ${first} to ${last}; under way: ${step}; before: ${before}`;
}
