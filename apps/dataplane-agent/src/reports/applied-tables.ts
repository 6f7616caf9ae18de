/** Which revs of which tables the kernel reflects. A change counts as applied when its batch is done and none of the table's objects failed. */
import { endpointsTable, hostsTable, partsOfEntryKey, placementsTable, tablesOfSection } from '@weft/fabric';
import type { Stages } from '../agent/control-plane.ts';
import type { Noted } from '../kernel/kernel-sync.ts';

/** `lanes`: which of them, and up to which note, the kernel has to answer for. `delivered`, `compiled`: of the newest change; absent while no row has changed. `awaited`: others wait for it. */
type Waiting = { rev: bigint; readonly lanes: Map<string, number>; since: Date; delivered?: Date; compiled?: Date; awaited?: boolean };
const NOWHERE: Noted = { number: 0, lanes: new Set() };

export class AppliedTables {
  readonly #waiting = new Map<string, Waiting>();
  /** Applied and not yet reported. */
  readonly #unreported = new Map<string, bigint>();
  #stages: Stages | undefined;
  /** Of these tables others wait for what is not reported yet. */
  readonly #awaited = new Set<string>();
  /** Highest rev that was noted. */
  readonly #known = new Map<string, bigint>();
  readonly #placements: string;

  constructor(host: string) {
    this.#placements = placementsTable(host);
  }

  /** A change of `table` at `rev` was handed to the kernel sync. `rev` 0: a change that no row made. `delivered`: when its rows came. `awaited`: others wait for it. */
  noted(table: string, rev: bigint, { number, lanes }: Noted, now: Date, delivered?: Date, awaited = false): void {
    if (rev > (this.#known.get(table) ?? 0n)) this.#known.set(table, rev);
    const waiting: Waiting = this.#waiting.get(table) ?? { rev, lanes: new Map(), since: now };
    this.#waiting.set(table, waiting);
    for (const lane of lanes) waiting.lanes.set(lane, number);
    if (rev > waiting.rev) waiting.rev = rev;
    if (awaited) waiting.awaited = true;
    if (delivered !== undefined) Object.assign(waiting, { delivered, compiled: now });
  }

  /** The table is at `rev`, whether or not a row changed. False when that was known. */
  reached(table: string, rev: bigint, now: Date): boolean {
    if (rev <= (this.#known.get(table) ?? 0n)) return false;
    this.noted(table, rev, NOWHERE, now);
    return true;
  }

  /** The log was restored to an older one: revs may be lower than they were. */
  rewound(): void {
    this.#known.clear();
  }

  /** A table that is no longer followed is not reported any more. */
  left(table: string): void {
    this.#waiting.delete(table);
    this.#unreported.delete(table);
    this.#awaited.delete(table);
    this.#known.delete(table);
  }

  /** What the kernel has answered for is done, but for what failed: keys of objects, or groups of them. O(tables that wait and their lanes, failed). */
  settled(isAnswered: (lane: string, note: number) => boolean, failed: Iterable<string>, now: Date): void {
    if (this.#waiting.size === 0) return;
    const blocked = new Set<string>();
    for (const key of failed) for (const table of this.#tablesOf(key)) blocked.add(table);
    for (const [table, waiting] of this.#waiting) {
      for (const [lane, note] of waiting.lanes) if (isAnswered(lane, note)) waiting.lanes.delete(lane);
      if (waiting.lanes.size > 0 || blocked.has(table)) continue;
      this.#waiting.delete(table);
      if (waiting.rev > 0n) this.#unreported.set(table, waiting.rev);
      if (waiting.rev > 0n && waiting.awaited === true) this.#awaited.add(table);
      const { delivered, compiled } = waiting;
      if (delivered !== undefined && compiled !== undefined && !(this.#stages && this.#stages.delivered > delivered))
        this.#stages = { delivered, compiled, applied: now };
    }
  }

  /** Time of the oldest change that waits. O(tables that wait). */
  get pendingSince(): Date | undefined {
    let oldest: Date | undefined;
    for (const { since } of this.#waiting.values()) if (oldest === undefined || since < oldest) oldest = since;
    return oldest;
  }
  /** Tables with changes that wait. */
  get pending(): number {
    return this.#waiting.size;
  }
  /** Whether others wait for some of what is not reported. */
  get isAwaited(): boolean {
    return this.#awaited.size > 0;
  }
  get unreported(): ReadonlyMap<string, bigint> {
    return this.#unreported;
  }
  /** Of the newest change among them; undefined where no row made them. */
  get stages(): Stages | undefined {
    return this.#stages;
  }
  /** These were reported. What was applied since stays. */
  reported(tables: ReadonlyMap<string, bigint>): void {
    for (const [table, rev] of tables) {
      if (this.#unreported.get(table) !== rev) continue;
      this.#unreported.delete(table);
      this.#awaited.delete(table);
    }
    if (this.#unreported.size === 0) this.#stages = undefined;
  }

  /** The tables that an object is made from. Those of an entry may be of any network: what it reads of others is not looked at. */
  #tablesOf(key: string): readonly string[] {
    const [kind, vni] = key.split('/');
    switch (kind) {
      case 'entry': {
        const kinds = tablesOfSection(partsOfEntryKey(key)?.section ?? '');
        const known = [...this.#waiting.keys()].filter((table) => kinds.includes(table.split('.')[0] as string));
        return [hostsTable, this.#placements, ...known];
      }
      case 'guard':
        return [hostsTable];
      case 'peer':
        return [hostsTable, endpointsTable(Number(vni))];
      case 'route':
        return [endpointsTable(Number(vni)), hostsTable];
      case 'router':
        return [this.#placements, endpointsTable(Number(vni))];
      default:
        return [this.#placements];
    }
  }
}
