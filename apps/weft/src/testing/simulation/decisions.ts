/**
 * What people and trouble do in a run, and when: a list that follows from the seed alone, not from what becomes of it. So a run can be repeated with some of it left
 * out, which is how a failure is made small.
 */
import type { ObjectCommand } from '@weft/api';
import { below, type Random, RandomCommands, randomOf } from '@weft/testing';
import { WINDOWS, type Window } from './faults.ts';
import { DISK_FAULTS, type DiskFault } from './sim-disk.ts';

export type Deed =
  | Readonly<{ of: 'command'; command: ObjectCommand }>
  | Readonly<{ of: 'read' }>
  | Readonly<{ of: 'window'; window: Window; share: number; ms: number }>
  | Readonly<{ of: 'cut' | 'throw-out' | 'pause' | 'skew' | 'leap'; ms: number }>
  | Readonly<{ of: 'kill' | 'kill-agent'; calls: number; ms: number }>
  | Readonly<{ of: 'stop'; ms: number }>
  | Readonly<{ of: 'refuse' | 'unreadable' | 'underlay'; ms: number }>
  | Readonly<{ of: 'drift' }>
  /** `ms`: for how long an agent stands still meanwhile. */
  | Readonly<{ of: 'new-interface' | 'new-network'; ms: number }>
  | Readonly<{ of: 'disk'; fault: DiskFault }>;

/** `number`: from 0, in order. `seed`: for choices that depend on what is there. */
export type Decision = Readonly<{ number: number; atMs: number; seed: number; deed: Deed }>;

/** Before people do anything, processes start and hosts register. */
const START_MS = 3_000;
const FAULT_EVERY_MS = 220;
/** People are busy for a while, then calm. */
const BUSY_EVERY_MS = 30;
const CALM_EVERY_MS = 250;

export function* decisions(seed: number): Generator<Decision, never, undefined> {
  const random = randomOf(seed);
  const commands = new RandomCommands(randomOf(seed + 1));
  let number = 0;
  const at = (atMs: number, deed: Deed): Decision => ({ number: number++, atMs, seed: below(random, 2 ** 31), deed });
  const beginning = [...commands.first(), ...commands.populate()];
  for (const [i, command] of beginning.entries()) yield at(START_MS + i * 40, { of: 'command', command });
  const deedsMs = START_MS + beginning.length * 40;
  let nextCommandMs = deedsMs;
  let nextFaultMs = deedsMs;
  let busyUntilMs = deedsMs + 4_000;
  const bag = new Bag(random);
  for (;;) {
    if (nextFaultMs < nextCommandMs) {
      yield at(nextFaultMs, fault(bag.next(), random));
      nextFaultMs += random() * 2 * FAULT_EVERY_MS;
      continue;
    }
    const command = random() < 0.9 ? commands.next() : undefined;
    yield at(nextCommandMs, command === undefined ? { of: 'read' } : { of: 'command', command });
    if (nextCommandMs > busyUntilMs + 6_000) busyUntilMs = nextCommandMs + 4_000;
    nextCommandMs += random() * 2 * (nextCommandMs < busyUntilMs ? BUSY_EVERY_MS : CALM_EVERY_MS);
  }
}

const KINDS = [
  ...WINDOWS,
  'lose',
  'lose-rows',
  'cut',
  'throw-out',
  'pause',
  'long-pause',
  'skew',
  'leap',
  'kill',
  'kill',
  'kill',
  'kill-agent',
  'kill-agent',
  'stop',
  'refuse',
  'unreadable',
  'underlay',
  'drift',
  'drift',
  'new-interface',
  'new-interface',
  'new-network',
  ...DISK_FAULTS,
] as const;
type FaultKind = (typeof KINDS)[number];

/** Each kind comes up before any comes up again. */
class Bag {
  readonly #random: Random;
  #left: FaultKind[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  next(): FaultKind {
    if (this.#left.length === 0) this.#left = [...KINDS];
    return this.#left.splice(below(this.#random, this.#left.length), 1)[0] as FaultKind;
  }
}

function fault(kind: FaultKind, random: Random): Deed {
  const ms = (least: number, most: number) => least + below(random, most - least);
  switch (kind) {
    case 'cut':
    case 'throw-out':
      return { of: kind, ms: ms(50, 4_000) };
    case 'pause':
      return { of: kind, ms: ms(100, 1_500) };
    case 'long-pause':
      // Longer than a lease.
      return { of: 'pause', ms: ms(2_500, 7_000) };
    case 'skew':
      return { of: kind, ms: ms(0, 2 * SKEW_MS_MAX) - SKEW_MS_MAX };
    case 'leap':
      return { of: kind, ms: ms(20_000, 400_000) };
    case 'kill':
    case 'kill-agent':
      return { of: kind, calls: ms(1, 60), ms: random() < 0.8 ? ms(100, 4_000) : ms(8_000, 16_000) };
    case 'stop':
      return { of: kind, ms: ms(100, 3_000) };
    case 'refuse':
    case 'unreadable':
    case 'underlay':
      return { of: kind, ms: ms(500, 9_000) };
    case 'new-interface':
    case 'new-network':
      return { of: kind, ms: ms(100, 3_000) };
    case 'drift':
      return { of: kind };
    case 'deleted':
    case 'truncated':
    case 'changed':
    case 'restored':
      return { of: 'disk', fault: kind };
    case 'store-down':
      return { of: 'window', window: kind, share: random() < 0.5 ? 1 : 0.4, ms: ms(200, 4_000) };
    case 'lose-rows':
      // All else goes well meanwhile, so that there is much to lose.
      return { of: 'window', window: kind, share: 0.6, ms: ms(500, 3_000) };
    case 'store-slow':
    case 'store-lost-answer':
      return { of: 'window', window: kind, share: 0.3, ms: ms(500, 4_000) };
    default:
      return { of: 'window', window: kind, share: random() < 0.3 ? 0.7 : 0.2, ms: ms(500, 5_000) };
  }
}

/** How far a wall clock may be off. */
export const SKEW_MS_MAX = 2_000;
