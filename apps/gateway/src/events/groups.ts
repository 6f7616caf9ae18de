/**
 * Groups of subscribers, kept in the store, so that any gateway answers any member. When a member was heard of is no news for the log: gateways tell each
 * other on the bus, and whoever gets the report of another member takes out those that nobody has heard of for a lease.
 */
import type { Clock } from '@weft/api';
import { type Bus, subjects } from '@weft/bus';
import { conflict } from '../http/failures.ts';
import type { Caller } from '../http/request.ts';
import { type GroupReport, type GroupState, groupData, groupIn, newGroup, reported } from './group-state.ts';
import { KeptStates } from './kept-states.ts';

type Dependencies = ConstructorParameters<typeof KeptStates>[1] & Readonly<{ bus: Bus; clock: Clock; leaseMs: number }>;

/** Members that are remembered before those that are long gone are looked for. */
const HEARD_MAX = 4_096;

export class Groups {
  readonly #deps: Dependencies;
  readonly #kept: KeptStates;
  /** By group and member: when it was heard of last, on the monotonic clock. */
  readonly #heard = new Map<string, number>();
  #hearing: ReturnType<Bus['subscribe']> | undefined;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
    this.#kept = new KeptStates('Group', dependencies);
  }

  start(): void {
    this.#hearing = this.#deps.bus.subscribe(subjects.groupsHeard(), ({ data }) => this.#hears(Buffer.from(data).toString()));
  }

  async stop(): Promise<void> {
    await this.#hearing?.stop();
  }

  /** How long a member is waited for that is not heard of. */
  get leaseMs(): number {
    return this.#deps.leaseMs;
  }

  async read(name: string): Promise<GroupState | undefined> {
    const kept = await this.#kept.read(name);
    return kept && groupIn(kept.data);
  }

  /** What a member says, and what the group is then; `begin` says where a new one begins. Throws 409, and what `begin` throws. */
  async report(
    name: string,
    report: GroupReport,
    begin: () => Promise<Readonly<{ cursor: string; parts: number }>>,
    caller: Caller,
  ): Promise<GroupState> {
    this.#hear(name, report.member);
    const begun = (await this.#kept.read(name)) === undefined ? await begin() : undefined;
    let state: GroupState | undefined;
    await this.#kept.change(name, caller, (present) => {
      const before = present === undefined ? begun && newGroup(begun.cursor, begun.parts) : groupIn(present.data);
      if (before === undefined) throw conflict(`group "${name}" was deleted just now`);
      state = reported(before, report, this.#gone(name, before, report.member));
      return state === before && present !== undefined ? present.data : groupData(state);
    });
    return state as GroupState;
  }

  /** Forgets its members and how far it is. */
  async delete(name: string, caller: Caller): Promise<void> {
    await this.#kept.change(name, caller, () => undefined);
  }

  #hear(name: string, member: string): void {
    const heard = `${name} ${member}`;
    this.#hears(heard);
    // Without a bus others take it for gone, which costs it a new beginning.
    if (this.#deps.bus.connected) this.#deps.bus.publish(subjects.groupsHeard(), Buffer.from(heard));
  }

  #hears(heard: string): void {
    const nowMs = this.#deps.clock.monotonicMs();
    this.#heard.set(heard, nowMs);
    if (this.#heard.size <= HEARD_MAX) return;
    for (const [each, atMs] of this.#heard) if (nowMs - atMs > 2 * this.leaseMs) this.#heard.delete(each);
  }

  /** One of whom this gateway has never heard has a whole lease from now on; while the bus is away nobody is given up. */
  #gone(name: string, { members }: GroupState, reporter: string): ReadonlySet<string> {
    const { bus, clock } = this.#deps;
    const nowMs = clock.monotonicMs();
    const gone = new Set<string>();
    for (const member of members) {
      const heard = `${name} ${member}`;
      const atMs = this.#heard.get(heard);
      if (atMs === undefined) this.#heard.set(heard, nowMs);
      else if (member !== reporter && bus.connected && nowMs - atMs > this.leaseMs) gone.add(member);
    }
    return gone;
  }
}
