/**
 * The rows of all hosts for traces, made on demand from the fold of this process. What rows are made from ahead is derived with the first trace, follows
 * the log while traces come, and is given up when none has come for a while.
 */
import type { Registry, Slices, Timer } from '@weft/api';
import { type RowIndex, RowsOnDemand } from '@weft/fabric';
import type { Platform } from '@weft/service';
import { unavailable } from '../http/failures.ts';

/** Making it anew costs as much as the selections of policies and the targets of balancers are many. */
const IDLE_MS = 300_000;
const SLICE_MS = 5;
/** A store that changes faster than it can be derived. */
const SLICES_MAX = 2_000;

type Standing = Readonly<{ rows: RowsOnDemand; end: () => void }>;

export class FabricModel {
  readonly #platform: Pick<Platform, 'follower' | 'clock' | 'log'>;
  readonly #registry: Registry;
  readonly #slices: Slices;
  #standing: Standing | undefined;
  #idle: Timer | undefined;

  constructor(platform: Pick<Platform, 'follower' | 'clock' | 'log' | 'registry'>, slices: Slices) {
    this.#platform = platform;
    this.#registry = platform.registry;
    this.#slices = slices;
  }

  /** Calls `ask` once the rows of the present position can be asked for; they can as long as it runs. */
  async with<T>(ask: (rows: RowIndex) => T): Promise<T> {
    this.#stayAwake();
    for (let slices = 0; slices < SLICES_MAX; slices++) {
      const { rows } = (this.#standing ??= this.#stand());
      if (rows.settle(SLICE_MS)) return ask(rows);
      await this.#slices.next();
    }
    throw unavailable('the log changes faster than rows can be derived from it');
  }

  stop(): void {
    this.#idle?.cancel();
    this.#standing?.end();
    this.#standing = undefined;
  }

  #stand(): Standing {
    const { follower, clock } = this.#platform;
    const rows = new RowsOnDemand(this.#registry, follower, { nowMs: () => clock.monotonicMs() });
    return { rows, end: follower.consume({ name: 'trace', onChange: (change) => rows.note(change) }) };
  }

  #stayAwake(): void {
    this.#idle?.cancel();
    this.#idle = this.#platform.clock.after(IDLE_MS, () => this.stop(), { background: true });
  }
}
