import { type Append, type Change, CONTEXTS, factsOf, type JsonObject, type Position, Slices, systemClock } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import { RowProjection, rowsIn } from '@weft/fabric';
import { hostKey } from '@weft/network';
import type { Follower } from '@weft/service';
import { World, WorldAgent } from '@weft/testing';
import { Changes, type ChangesOptions } from './changes.ts';
import { convergenceOf } from './convergence.ts';
import { convergenceFromLog } from './from-log.ts';
import { beganWith, originOf } from './tracked-change.ts';

const networking = 'networking.ironcore.dev/v1alpha1';

/** A World whose projectors tell at once which tables each append changed, with agents that report when they are told to. */
class Given {
  readonly world: World;
  readonly changes: Changes;
  readonly agents = new Map<string, WorldAgent>();
  /** Progress of projectors is held back, and comes as one message. */
  holdsBack = false;
  losesMessages = false;
  /** How often hosts were listed. */
  listed = 0;
  #projections: readonly RowProjection[] | undefined;
  readonly #held = new Map<string, Position[]>();

  constructor(options: Partial<ChangesOptions> = {}) {
    this.world = new World({ onChange: (change) => this.#take(change) });
    const given = this.world;
    const follower = new Proxy({} as ChangesOptions['follower'], {
      get: (_, name) => {
        if (name === 'by' || name === 'list') this.listed++;
        const value: unknown = Reflect.get(given.fold, name);
        return typeof value === 'function' ? value.bind(given.fold) : value;
      },
    });
    const clock = { now: () => new Date(given.now) };
    this.changes = new Changes({ follower, clock, contexts: CONTEXTS, ...options });
  }

  #take(change: Change): void {
    this.#projections ??= rowsIn(this.world.registry).map((rows) => new RowProjection(rows, this.world.registry, this.world.fold));
    this.changes.apply(change);
    for (const projection of this.#projections)
      for (const { table } of projection.onChange(change)) {
        const revs = this.#held.get(table) ?? [];
        this.#held.set(table, [...revs.filter((rev) => rev !== change.append.position), change.append.position]);
      }
    if (!this.holdsBack) this.progress();
  }

  progress(): void {
    const changed = this.losesMessages ? [] : [...this.#held].map(([table, revs]) => ({ table, revs }));
    this.#held.clear();
    for (const [i, context] of CONTEXTS.entries())
      this.changes.progressed({ context, upTo: this.world.position, changed: i === 0 ? changed : [], gap: this.losesMessages });
  }

  host(name: string, underlay: string): void {
    const agent = new WorldAgent(this.world, name, underlay);
    agent.register();
    this.agents.set(name, agent);
  }

  report(...hosts: readonly string[]): void {
    for (const host of hosts) this.agents.get(host)?.report();
  }

  network(name: string): Position {
    return this.#made({ kind: 'Network', apiVersion: networking, metadata: { name, namespace: 'default' } });
  }

  nic(name: string, network: string, host: string, ip: string): Position {
    const metadata = { name, namespace: 'default' };
    const spec = { networkRef: { name: network }, ipFamilies: ['IPv4'], ips: [{ value: ip }] };
    this.#made({ kind: 'NetworkInterface', apiVersion: networking, metadata, spec });
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name } }];
    return this.#made({
      kind: 'Machine',
      apiVersion: 'compute.ironcore.dev/v1alpha1',
      metadata,
      spec: { machinePoolRef: { name: host }, networkInterfaces },
    });
  }

  #made(object: JsonObject): Position {
    const reply = this.world.create(object);
    if (!reply.ok) throw new Error(reply.status.message);
    return BigInt(reply.position);
  }

  /** A store that holds the log of the World. */
  get log(): Parameters<typeof convergenceFromLog>[0] {
    const { log, fold } = this.world;
    const upTo = (position: Position) => log.filter((event) => event.position <= position).slice(-1);
    const store = {
      readAll: async function* ({ from }: { from: Position }) {
        yield* upTo(from);
      },
      readAllPages: async function* ({ from }: { from: Position }) {
        yield log.filter((event) => event.position > from);
      },
    };
    return { store: store as unknown as EventStore, follower: fold as unknown as Follower, slices: new Slices(systemClock) };
  }

  told(position: Position) {
    const change = this.changes.at(position);
    if (change === undefined) throw new Error(`nothing is known of ${position}`);
    return convergenceOf(change, factsOf(this.world.fold));
  }
  hosts(position: Position): string {
    return this.told(position)
      .hostList.map(({ name, state }) => `${name} ${state}`)
      .sort()
      .join(', ');
  }
}

function given(options?: Partial<ChangesOptions>): Given {
  const made = new Given(options);
  for (const [i, host] of ['a', 'b', 'c'].entries()) made.host(host, `fd00::${i + 1}`);
  made.world.create({ kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'default' } });
  made.report('a', 'b', 'c');
  made.network('net');
  made.nic('web', 'net', 'a', '10.0.0.1');
  made.nic('db', 'net', 'b', '10.0.0.9');
  made.report('a', 'b', 'c');
  return made;
}

describe('Changes', () => {
  it('concern the hosts whose rows changed because of them and of what followed, until these have reported it', () => {
    const made = given();
    const position = made.nic('more', 'net', 'b', '10.0.0.2');
    expect(made.hosts(position)).toBe('a behind, b behind');
    expect(made.told(position)).toMatchObject({ state: 'applying', converged: false, hosts: { concerned: 2, applied: 0 } });
    made.report('c', 'a');
    expect(made.hosts(position)).toBe('a applied, b behind');
    made.report('b');
    expect(made.hosts(position)).toBe('a applied, b applied');
    expect(made.told(position)).toMatchObject({ state: 'applied', converged: true, hosts: { concerned: 2, applied: 2 } });
  });

  it('wait for the link of a new interface, whatever tables its host has reported', () => {
    const made = given();
    const position = made.nic('more', 'net', 'b', '10.0.0.2');
    made.report('a');
    const { position: at } = made.world;
    const tables = Object.fromEntries(
      (made.told(position).hostList.find(({ name }) => name === 'b')?.tables ?? []).map(({ table, rev }) => [table, rev]),
    );
    made.world.act(hostKey('b'), 'ReportApplied', { tables, position: `${at}`, faults: [] });
    expect(made.told(position).hostList[0]).toMatchObject({
      name: 'b',
      why: 'the links of new interfaces are not up: default/more',
      links: ['NetworkInterface-default.more'],
    });
    made.report('b');
    expect(made.hosts(position)).toBe('a applied, b applied');
  });

  it('do not wait for the link of an interface without its Network; what makes the Network does', () => {
    const made = given();
    const without = made.nic('early', 'later', 'b', '10.0.0.2');
    made.report('a', 'b', 'c');
    expect(made.told(without).state).toBe('applied');
    const network = made.network('later');
    expect(made.told(network)).toMatchObject({
      state: 'applying',
      change: { command: 'create', resource: { kind: 'Network', name: 'later' } },
    });
    expect(made.told(network).hostList[0]).toMatchObject({ name: 'b', links: ['NetworkInterface-default.early'] });
    made.report('a', 'b', 'c');
    expect(made.told(network).state).toBe('applied');
  });

  it('are told as their command, though what it claims stands before', async () => {
    const made = given();
    const placed = made.nic('more', 'net', 'b', '10.0.0.2');
    const { position, time } = made.changes.of('NetworkInterface-default.more')[0]!.origin;
    const [claimed] = made.world.log.filter(({ stream }) => stream.startsWith('AddressBook-')).slice(-1);
    expect(claimed!.position).toBeLessThan(position);
    expect(made.told(claimed!.position).change).toMatchObject({
      resource: { kind: 'NetworkInterface', namespace: 'default', name: 'more' },
      command: 'create',
      position: `${position}`,
      time: claimed!.metadata.time,
    });
    const created = made.world.log.find(
      (event) => event.stream === 'NetworkInterface-default.more' && event.metadata.command !== undefined,
    )!;
    const later = { ...created, metadata: { ...created.metadata, time: '2099-01-01T00:00:00.000Z' } };
    expect(beganWith(originOf(claimed!, claimed!.position), later, position)).toMatchObject({
      command: 'create',
      time: claimed!.metadata.time,
    });
    expect([time, made.told(placed).change.resource.kind]).toEqual([claimed!.metadata.time, 'Machine']);
    const { change } = (await convergenceFromLog(made.log, claimed!.position))!;
    expect(change).toMatchObject({ resource: { kind: 'NetworkInterface', name: 'more' }, command: 'create' });
  });

  it('are not everywhere before all projectors have read them', () => {
    const made = given();
    made.holdsBack = true;
    const position = made.nic('more', 'net', 'a', '10.0.0.2');
    expect(made.told(position)).toMatchObject({ state: 'deriving', converged: false });
    made.report('a', 'b');
    expect(made.told(position).converged).toBe(false);
    // The reports came first.
    made.progress();
    expect(made.hosts(position)).toBe('a applied, b applied');
  });

  it('say that hosts may be missing when messages of a projector were', () => {
    const made = given();
    made.losesMessages = true;
    const position = made.nic('more', 'net', 'a', '10.0.0.2');
    expect(made.told(position).precision).toContain('messages of a projector were missed: hosts may be missing here');
  });

  it('end with what a heartbeat says where a host has nothing left to report, and with the host', () => {
    const made = given();
    const [first, second] = [made.nic('one', 'net', 'a', '10.0.0.2'), made.nic('two', 'net', 'a', '10.0.0.3')];
    made.report('a');
    expect(made.hosts(second)).toBe('a applied, b behind');
    made.changes.reached('b', first - 1n);
    expect(made.hosts(second)).toBe('a applied, b behind');
    made.changes.reached('b', made.world.position);
    expect(made.hosts(second)).toBe('a applied, b behind');
    made.world.pass(3_000);
    made.changes.reached('b', made.world.position);
    expect(made.hosts(second)).toBe('a applied, b applied');
    const last = made.nic('three', 'net', 'a', '10.0.0.4');
    made.report('a');
    made.world.act(hostKey('b'), 'HostLost');
    expect(made.told(last).hostList[0]).toMatchObject({
      name: 'b',
      state: 'down',
      why: expect.stringContaining('HeartbeatsMissing'),
      since: made.world.now.slice(0, 19).concat('Z'),
    });
    made.world.do({ verb: 'delete', key: hostKey('b'), force: true });
    expect(made.hosts(last)).toBe('a applied');
  });

  it('concern every host when a host comes', () => {
    const made = given();
    made.host('d', 'fd00::4');
    const { position } = made.changes.of('Host-.d').at(-1)!.origin;
    made.report('a', 'b', 'c');
    expect(made.hosts(position)).toBe('a applied, b applied, c applied, d behind');
    made.report('d');
    expect(made.told(position).state).toBe('applied');
  });

  it('concern a host from when it holds a network until it has forgotten it', () => {
    const made = given();
    const first = made.nic('more', 'net', 'c', '10.0.0.2');
    expect(made.hosts(first)).toBe('a behind, b behind, c behind');
    made.report('a', 'b', 'c');
    expect(made.hosts(made.nic('another', 'net', 'a', '10.0.0.3'))).toBe('a behind, b behind, c behind');
    made.report('a', 'b', 'c');
    made.world.delete({ kind: 'Machine', namespace: 'default', name: 'more' });
    made.report('a', 'b', 'c');
    made.report('a', 'b', 'c');
    expect(made.hosts(made.nic('last', 'net', 'a', '10.0.0.4'))).toBe('a behind, b behind');
  });

  it('ask for hosts once, as long as these follow the same', () => {
    const made = given();
    const place = (name: string, ip: string) => made.nic(name, 'net', 'a', ip);
    place('more', '10.0.0.2');
    const { listed } = made;
    const last = Array.from({ length: 10 }, (_, i) => place(`nic-${i}`, `10.0.1.${i}`)).at(-1)!;
    made.report('a', 'b');
    expect(made.hosts(last)).toBe('a applied, b applied');
    expect(made.listed).toBe(listed);
  });

  it('wait for the link of an interface where it is, and no more where it was', () => {
    const made = given();
    const position = made.nic('more', 'net', 'b', '10.0.0.2');
    const change = made.changes.at(position)!;
    const [stream] = change.linksAt('b');
    change.awaitLink('a', stream!);
    made.world.patch({ kind: 'NetworkInterface', namespace: 'default', name: 'more' }, { metadata: { labels: { tier: 'web' } } });
    expect([...change.awaiting(stream!)]).toEqual(['b']);
    made.report('a', 'b');
    expect([...change.awaiting(stream!)]).toEqual([]);
    expect(made.told(position).state).toBe('applied');
  });

  it('pass over what somebody else writes to the store', () => {
    const given = new Given();
    const event = { id: 'e', stream: '$stats', type: 'Foreign', data: {}, revision: 0n, position: 7n } as unknown as Append['events'][0];
    given.changes.apply({ append: { stream: '$stats', events: [event], revision: 0n, position: 7n } });
    expect([given.changes.at(7n), given.changes.open()]).toEqual([undefined, []]);
  });

  it('are forgotten, oldest first, when there are too many', () => {
    const made = given({ positionsMax: 30 });
    const positions = Array.from({ length: 20 }, (_, i) => made.network(`net-${i}`));
    expect(made.changes.at(positions[0]!)).toBeUndefined();
    expect(made.changes.of('Network-default.net-0')).toEqual([]);
    expect(made.changes.at(positions.at(-1)!)).toBeDefined();
    const few = given({ partsMax: 8 });
    const [first, last] = [
      few.nic('one', 'net', 'a', '10.0.0.2'),
      few.nic('two', 'net', 'a', '10.0.0.3'),
      few.nic('three', 'net', 'a', '10.0.0.4'),
    ].filter((_, i) => i !== 1);
    expect(few.changes.at(first!)).toBeUndefined();
    few.report('a', 'b');
    expect(few.hosts(last!)).toBe('a applied, b applied');
  });

  it('are found in the log afterwards, as far as reports tell', async () => {
    const made = given();
    const position = made.nic('more', 'net', 'b', '10.0.0.2');
    made.report('a', 'c');
    const told = await convergenceFromLog(made.log, position);
    expect(told).toMatchObject({ state: 'applying', source: 'log', change: { resource: { kind: 'Machine', name: 'more' } } });
    expect(told?.hostList.map(({ name, state }) => `${name} ${state}`)).toEqual(['b behind', 'a applied']);
    made.report('b');
    expect(await convergenceFromLog(made.log, position)).toMatchObject({ state: 'applied', converged: true });
  });
});
