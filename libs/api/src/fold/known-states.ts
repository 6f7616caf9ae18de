/** States that a writer of this process has computed for its reply, until the fold of the log comes to the same append: it need not be folded twice. */
import type { Folded } from '../kind/kind.ts';
import type { Append, Because, Position } from '../log/envelope.ts';

/** When more wait, all are forgotten: a fold that is so far behind computes its states itself. */
const STATES_MAX = 4_096;

export class KnownStates {
  readonly #states = new Map<Position, Folded>();

  /** The state after an append at its position. */
  put(state: Folded): void {
    if (state.unreadable !== undefined) return;
    if (this.#states.size >= STATES_MAX) this.#states.clear();
    this.#states.set(state.position, state);
  }

  /** The state after this append, whose stream stood at `before`, as a fold that does not remember requests has it; undefined: not known. */
  take({ position, events }: Append, before: Folded): Folded | undefined {
    const state = this.#states.get(position);
    if (state === undefined) return undefined;
    this.#states.delete(position);
    const { key, revision, requests } = before;
    const follows = state.revision === (revision === 'none' ? -1n : revision) + BigInt(events.length);
    const isSame = key.kind === state.key.kind && key.name === state.key.name && key.namespace === state.key.namespace;
    return follows && isSame && before.unreadable === undefined && continues(state, before) ? { ...state, key, requests } : undefined;
  }
}

/** Whether what the append has left as it was has the positions of the log: a writer may know only that of the last event of an append. */
function continues({ facets }: Folded, before: Folded): boolean {
  for (const name in facets) {
    const { revision, position } = facets[name] as Because;
    if (before.revision !== 'none' && revision <= before.revision && before.facets[name]?.position !== position) return false;
  }
  return true;
}
