/**
 * A log with hosts, networks and interfaces, for tests of the loops and the actions of Hosts. Facts are written directly; actions of Hosts are decided
 * and written; loops are asked about everything. There are no claims, no retries and no other loops: World has those.
 */
import {
  type Append,
  absent,
  advance,
  type Change,
  type DecideContext,
  type Decision,
  type Draft,
  type Fact,
  type FactsView,
  type Folded,
  factsOf,
  type JsonObject,
  type Loop,
  type LoopFacts,
  type ObjectKey,
  type RecordedEvent,
  registry,
  streamOf,
  uuidv5,
} from '@weft/api';
import { hostKind } from '../host/host.kind.ts';
import type { HostTypes } from '../host/host.types.ts';
import { placementChangesLedger } from '../host/placement-changes.ts';
import { hostKey, networkKey, nicKey } from '../keys.ts';
import { networkKind } from '../network/network.kind.ts';
import { networkInterfaceKind } from '../network-interface/network-interface.kind.ts';

const kinds = [networkKind, hostKind, networkInterfaceKind];
const REGISTRY = registry([{ context: 'network', kinds, reservations: [] }]);
const IDS = '6f1d3c5e-0000-5000-8000-000000000002';

export type HostAction = keyof HostTypes['actions'] & string;
type View = Readonly<{ position: bigint; states: ReadonlyMap<string, Folded>; records: ReadonlyMap<string, unknown> }>;

export class Site {
  position = 0n;
  #seconds = 0;
  #states = new Map<string, Folded>();
  #records = new Map<string, unknown>();

  // --- facts ------------------------------------------------------------------------------------------------------------------------------------

  /** Registers a host, which is Ready unless `heard` is false. */
  host(name: string, { heard = true } = {}): void {
    const spec = { underlay: { ip: '192.0.2.1' }, roles: ['Compute'], unschedulable: false };
    this.write(hostKey(name), { type: 'HostCreated.v1', data: { metadata: this.#metadata(name), spec } });
    if (heard) this.write(hostKey(name), readyIs('True'));
  }

  lose(host: string): void {
    this.write(hostKey(host), readyIs('False'));
  }

  hear(host: string): void {
    this.write(hostKey(host), readyIs('True'));
  }

  network(name: string, vni?: number): void {
    this.write(networkKey('ns', name), { type: 'NetworkCreated.v1', data: { metadata: this.#metadata(name, 'ns'), spec: {} } });
    if (vni !== undefined) this.number(name, vni);
  }

  number(network: string, vni: number): void {
    this.write(networkKey('ns', network), { type: 'NetworkVniAssigned.v1', data: { vni } });
  }

  /** Creates an interface in a network, and places it when a host is named. */
  nic(name: string, network: string, host?: string): void {
    const data = { metadata: this.#metadata(name, 'ns'), spec: { networkRef: { name: network } } };
    this.write(nicKey('ns', name), { type: 'NetworkInterfaceCreated.v1', data });
    if (host !== undefined) this.place(name, host);
  }

  place(nic: string, host: string): void {
    this.write(nicKey('ns', nic), { type: 'NetworkInterfacePlaced.v1', data: { host } });
  }

  unplace(nic: string): void {
    this.write(nicKey('ns', nic), { type: 'NetworkInterfaceUnplaced.v1', data: {} });
  }

  end(key: ObjectKey): void {
    this.write(key, { type: `${key.kind}Ended.v1`, data: {} });
  }

  /** Writes these facts as one append, one second after the one before. */
  write(key: ObjectKey, ...facts: readonly [Fact, ...Fact[]]): Change {
    this.#seconds++;
    const stream = streamOf(key);
    const before = this.#states.get(stream) ?? absent(REGISTRY, key);
    let after = before;
    const events = facts.map(({ type, data }, index): RecordedEvent => {
      this.position += 1n;
      const event: RecordedEvent = {
        id: uuidv5(IDS, `${this.position}`),
        type,
        data,
        stream,
        revision: after.revision === 'none' ? 0n : after.revision + 1n,
        position: this.position,
        metadata: {
          actor: { user: 'test', verified: false },
          requestId: uuidv5(IDS, `request ${this.#seconds}`),
          $correlationId: '',
          $causationId: '',
          time: this.now,
          append: { index, count: facts.length },
        },
      };
      after = advance(REGISTRY, after, event, { requests: false });
      return event;
    });
    this.#states.set(stream, after);
    const append: Append = {
      stream,
      events: events as unknown as Append['events'],
      revision: after.revision as bigint,
      position: this.position,
    };
    const change = { append, before, after } as unknown as Change;
    placementChangesLedger.apply(
      change,
      {
        isEmpty: this.#records.size === 0,
        size: this.#records.size,
        oldest: this.#records.keys().next().value,
        keys: () => this.#records.keys(),
        get: (record) => this.#records.get(record),
        put: (record, value) => void this.#records.set(record, value),
        delete: (record) => void this.#records.delete(record),
      },
      this.#factsOn(this.view()),
    );
    return change;
  }

  // --- commands and loops -----------------------------------------------------------------------------------------------------------------------

  /** The decision of a host's action. `view` shows the other streams and may be an older one. */
  decide(host: string, action: HostAction, payload: JsonObject, view: View = this.view()): Decision {
    const before = this.#states.get(streamOf(hostKey(host))) ?? absent(REGISTRY, hostKey(host));
    const context: DecideContext = {
      now: this.now,
      requestId: uuidv5(IDS, `act ${this.position}`),
      derive: (label) => uuidv5(IDS, label),
      facts: factsOf(this.#factsOn(view)),
    };
    const decider = hostKind.actions?.[action];
    if (decider === undefined) throw new Error(`hosts have no action ${action}`);
    return decider(before, payload, context);
  }

  /** Why a host may not be deleted without force; undefined when it may. */
  deletion(host: string): unknown {
    const before = this.#states.get(streamOf(hostKey(host)))!;
    return hostKind.onDelete?.(before, {} as DecideContext, { force: false });
  }

  /** Carries out an action of a host, and gives the types of its events. */
  act(host: string, action: HostAction, payload: JsonObject = {}, view: View = this.view()): readonly string[] {
    const decision = this.decide(host, action, payload, view);
    if (decision.outcome === 'rejected') throw new Error(decision.status.message);
    const [first, ...rest] = decision.facts;
    if (first !== undefined) this.write(hostKey(host), first, ...rest);
    return decision.facts.map(({ type }) => type);
  }

  /** Everything that a loop owes at present, as `<target>: <action> <payload>`. */
  owed(loop: Loop): readonly string[] {
    return this.#drafts(loop).map((draft) =>
      draft.target === 'object' && 'action' in draft
        ? `${draft.key.name}: ${draft.action} ${JSON.stringify(draft.payload)}`
        : `${draft.target}`,
    );
  }

  /** Carries out what the loops owe until they owe nothing, and gives the number of commands. */
  settle(loops: readonly Loop[]): number {
    for (let commands = 0; ; commands++) {
      const [draft] = loops.flatMap((loop) => this.#drafts(loop));
      if (draft === undefined) return commands;
      if (commands > 10_000 || draft.target !== 'object' || !('action' in draft)) throw new Error('the loops do not come to rest');
      this.act(draft.key.name, draft.action as HostAction, draft.payload);
    }
  }

  // --- reading ----------------------------------------------------------------------------------------------------------------------------------

  get now(): string {
    return new Date(Date.UTC(2026, 0, 1, 0, 0, this.#seconds)).toISOString();
  }

  state(key: ObjectKey): Folded | undefined {
    return this.#states.get(streamOf(key));
  }

  held(host: string): HostTypes['facts']['held'] {
    return factsOf(this.#factsOn(this.view())).get<HostTypes>({ kind: 'Host' }, { name: host })?.facts.held;
  }

  record(key: string): unknown {
    return this.#records.get(key);
  }

  /** A view of the log up to now, which stays as it is when the log grows. */
  view(): View {
    return { position: this.position, states: new Map(this.#states), records: new Map(this.#records) };
  }

  #drafts({ over, owed }: Loop): readonly Draft[] {
    if ('ledger' in over) throw new Error('none of the loops of hosts is over a ledger');
    const { kind, index } = over;
    const living = [...this.#states.values()].filter(({ key, status }) => key.kind === kind && status === 'live');
    const keys = living.flatMap((state) =>
      index === undefined ? [state.key.name] : (REGISTRY.kind(kind)?.indexes?.[index]?.(state) ?? []),
    );
    const facts: LoopFacts = { ...factsOf(this.#factsOn(this.view())), passed: () => false };
    return [...new Set(keys)].flatMap((key) => owed(key, facts));
  }

  #factsOn({ position, states, records }: View): FactsView {
    const list = (kind: string) => [...states.values()].filter(({ key, status }) => key.kind === kind && status === 'live');
    return {
      position,
      get: (key) => states.get(streamOf(key)),
      list,
      by: (kind, index, value) => list(kind).filter((state) => REGISTRY.kind(kind)?.indexes?.[index]?.(state).includes(value) === true),
      record: (_ledger, key) => records.get(key),
    };
  }

  #metadata(name: string, namespace?: string): JsonObject {
    return {
      name,
      ...(namespace !== undefined && { namespace }),
      uid: uuidv5(IDS, `uid ${name} ${this.position}`),
      creationTimestamp: this.now,
    };
  }
}

function readyIs(status: string): Fact {
  return { type: 'ConditionChanged.v1', data: { type: 'Ready', status, reason: 'Test', message: '' } };
}
