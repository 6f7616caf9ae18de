/** For tests: projectors and agents on a bus in memory, over the real row transport. The control plane answers as the test sets it. */
import { randomUUID } from 'node:crypto';
import { CONTEXTS, type Context, systemClock } from '@weft/api';
import {
  createMemoryHub,
  createRowPublisher,
  createRowSubscriber,
  type MemoryHub,
  type MemoryHubOptions,
  newTerm,
  type RowPublisher,
} from '@weft/bus';
import {
  compile,
  type Driver,
  type EndpointRow,
  type HostIdentity,
  type HostRow,
  type KernelObject,
  keptOf,
  type MemberRow,
  type PlacementRow,
  parseTable,
  type Row,
  type Tables,
  tablesOfNetwork,
} from '@weft/fabric';
import { Agent, type AgentOptions, type Former } from '../agent/agent.ts';
import type {
  AppliedReport,
  ControlPlane,
  Heartbeat,
  HostHealth,
  ProgrammedNic,
  Registration,
  TargetHealth,
} from '../agent/control-plane.ts';

export const quietLog = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

export type RowsOfEvent = readonly (readonly [table: string, key: string, row: Row | undefined])[];

/** What the projectors publish: the rows of all tables, and how far each context has read. */
export class Rows {
  readonly tables = new Map<string, Map<string, Row>>();
  position = 100n;
  #terms = 0;
  readonly #publishers = new Map<Context, RowPublisher>();

  constructor(readonly hub: MemoryHub) {}

  /** A projector starts (again): with the rows that there are. */
  startProjector(context: Context): void {
    const term = newTerm(new Date(1_700_000_000_000 + ++this.#terms), randomUUID());
    const publisher = createRowPublisher({
      bus: this.hub.connect(`${context}-${this.#terms}`),
      context,
      log: quietLog,
      timing: { heartbeatMs: 50 },
    });
    for (const [table, rows] of this.tables) if (ownerOf(table) === context) publisher.change(table, changesOf(rows), this.position);
    publisher.progress(this.position);
    publisher.open(term);
    this.#publishers.set(context, publisher);
  }
  async stopProjector(context: Context): Promise<void> {
    await this.#publishers.get(context)?.close();
    this.#publishers.delete(context);
  }
  startAll(): void {
    for (const context of CONTEXTS) this.startProjector(context);
  }
  async stopAll(): Promise<void> {
    for (const context of CONTEXTS) await this.stopProjector(context);
  }

  /** One event: rows that it changes. All projectors read it. */
  event(changes: RowsOfEvent): bigint {
    this.position += 1n;
    for (const [table, key, row] of changes) {
      const rows = this.tables.get(table) ?? new Map<string, Row>();
      this.tables.set(table, rows);
      if (row === undefined) rows.delete(key);
      else rows.set(key, row);
    }
    for (const table of new Set(changes.map(([name]) => name))) {
      const ofTable = changes.flatMap(([name, key, row]) => (name === table ? [{ key, row: row as never }] : []));
      this.#publishers.get(ownerOf(table))?.change(table, ofTable, this.position);
    }
    for (const publisher of this.#publishers.values()) publisher.progress(this.position);
    return this.position;
  }

  host(host: string, index: number, underlay = `fd00::${index}`): void {
    this.event([['hosts', host, { host, index, underlay, position: `${this.position + 1n}`, because: [] } satisfies HostRow]]);
  }

  /** A NIC is placed, or placed elsewhere. */
  nic(uid: string, host: string, vni: number, ...ips: string[]): bigint {
    return this.event(this.nicRows(uid, host, vni, ...ips));
  }

  /** Its rows, as of the next event. */
  nicRows(uid: string, host: string, vni: number, ...ips: string[]): RowsOfEvent {
    const position = `${this.position + 1n}`;
    const mac = `02:00:00:00:01:${(Number.parseInt(uid.slice(4, 12).replace('-', ''), 16) % 256).toString(16).padStart(2, '0')}`;
    const common = { nic: uid, mac, ips, position, because: [] };
    const placement: PlacementRow = {
      ...common,
      namespace: 'default',
      name: uid,
      network: `n${vni}`,
      vni,
      placedAt: position,
      heldAt: '1',
    };
    return [
      [`endpoints.${vni}`, uid, { ...common, host } satisfies EndpointRow],
      [`placements.${host}`, uid, placement],
      [`policies.${vni}`, `member/${uid}`, this.memberRow(uid, { prefixes: ips.map((ip) => `${ip}/${ip.includes(':') ? 128 : 32}`) })],
    ];
  }

  /** As of the next event. */
  memberRow(uid: string, more: Partial<MemberRow> = {}): MemberRow {
    const position = `${this.position + 1n}`;
    return { kind: 'NetworkInterface', uid, name: uid, prefixes: [], targets: [], groups: [], position, because: [], ...more };
  }

  /** What policies select an interface as. */
  member(uid: string, vni: number, ...targets: string[]): bigint {
    return this.event([[`policies.${vni}`, `member/${uid}`, this.memberRow(uid, { targets })]]);
  }

  nicEnds(uid: string, host: string, vni: number): bigint {
    return this.event([
      [`endpoints.${vni}`, uid, undefined],
      [`placements.${host}`, uid, undefined],
      [`policies.${vni}`, `member/${uid}`, undefined],
    ]);
  }

  /** What the kernel of a host should hold once everything has arrived, by the full compiler. */
  expected(identity: HostIdentity, isUp: (row: PlacementRow) => boolean = () => true): ReadonlyMap<string, KernelObject> {
    const rowsOf = <R>(table: string): ReadonlyMap<string, R> => (this.tables.get(table) ?? new Map()) as ReadonlyMap<string, R>;
    const endpoints = new Map<number, ReadonlyMap<string, EndpointRow>>();
    for (const table of this.tables.keys()) if (table.startsWith('endpoints.')) endpoints.set(Number(table.slice(10)), rowsOf(table));
    const isEdge = this.tables.get('edges')?.has(identity.host) === true;
    const isFollowed = (table: string) => /^(policies|balancers|targets|edges)\b/.test(table) && (isEdge || !table.endsWith('.1'));
    const others = new Map([...this.tables].filter(([table]) => isFollowed(table))) as Tables;
    return compile(identity, { hosts: rowsOf('hosts'), placements: rowsOf(`placements.${identity.host}`), endpoints, others }, isUp);
  }
}

/** The context that publishes a table. */
function ownerOf(table: string): Context {
  const parsed = parseTable(table);
  const ofNetwork = parsed !== undefined && 'vni' in parsed ? tablesOfNetwork(parsed.vni) : [];
  return ofNetwork.find((each) => each.table === table)?.context ?? 'network';
}

function changesOf(rows: ReadonlyMap<string, Row>): { key: string; row: never }[] {
  return [...rows].map(([key, row]) => ({ key, row: row as never }));
}

export class TestControlPlane implements ControlPlane {
  readonly programmed = new Map<string, string>();
  readonly reports: AppliedReport[] = [];
  readonly health: TargetHealth[] = [];
  /** Newest rev that was reported, by table. */
  readonly applied = new Map<string, bigint>();
  readonly heard: Heartbeat[] = [];
  readonly registeredWith: HostHealth[] = [];
  beats = 0;
  registrations = 0;
  answer: Registration;
  /** False: nothing is taken. */
  reachable = true;
  constructor(readonly identity: HostIdentity) {
    this.answer = { outcome: 'registered', identity, storeId: 'store-1' };
  }
  async register(underlay: string, health: HostHealth): Promise<Registration> {
    this.registrations++;
    if (this.answer.outcome === 'registered') this.answer = { ...this.answer, identity: { ...this.answer.identity, underlay } };
    this.registeredWith.push(health);
    return this.reachable ? this.answer : { outcome: 'unreachable', why: 'the test says so' };
  }
  async reportProgrammed(nics: readonly ProgrammedNic[]): Promise<boolean> {
    if (this.reachable) for (const { nic, position } of nics) this.programmed.set(nic, position);
    return this.reachable;
  }
  async reportApplied(report: AppliedReport): Promise<boolean> {
    if (!this.reachable) return false;
    this.reports.push(report);
    for (const [table, rev] of report.tables) this.applied.set(table, rev);
    return true;
  }
  async reportHealth(targets: readonly TargetHealth[]): Promise<boolean> {
    if (!this.reachable) return false;
    this.health.push(...targets);
    return true;
  }
  heartbeat(beat: Heartbeat): void {
    this.heard.push(beat);
    this.beats++;
  }
  reportStaged(): void {}

  answerEntries(): () => void {
    return () => {};
  }
  answerLive(): () => void {
    return () => {};
  }
}

export type TestAgent = Readonly<{ agent: Agent; controlPlane: TestControlPlane }>;

/** An agent with short times. */
export function testAgent(
  hub: MemoryHub,
  identity: HostIdentity,
  openDriver: (identity: HostIdentity) => Driver,
  more: Partial<AgentOptions> & { controlPlane?: TestControlPlane } = {},
): TestAgent {
  const controlPlane = more.controlPlane ?? new TestControlPlane(identity);
  let former: Former | undefined;
  const bus = hub.connect(`agent-${identity.host}-${randomUUID()}`);
  const agent = new Agent({
    host: identity.host,
    underlay: identity.underlay,
    underlayLink: async () => ({ device: 'test', mtu: 1_500, up: true }),
    openRows: () =>
      createRowSubscriber({
        bus,
        contexts: CONTEXTS,
        log: quietLog,
        keep: keptOf,
        timing: { askMs: 300, retryMsFirst: 10, retryMsMax: 100, snapshotIdleMs: 100, silenceMs: 500 },
      }),
    openDriver: async (id) => openDriver(id),
    former: { load: async () => former, save: async (now) => void (former = now) },
    clock: systemClock,
    random: () => 0,
    log: quietLog,
    timing: { heartbeatMs: 20, registerRetryMs: 5, registerRetryMsMax: 20, ownRowMsMax: 100 },
    kernelTiming: { resyncMs: 100, retryMs: 10, retryMsMax: 100, stopMsMax: 2_000 },
    reportTiming: { appliedEveryMs: 20, awaitedEveryMs: 20, retryMs: 5, retryMsMax: 50 },
    ...more,
    controlPlane,
  });
  return { agent, controlPlane };
}

export function memoryHub(options: MemoryHubOptions = {}): MemoryHub {
  return createMemoryHub(options);
}
