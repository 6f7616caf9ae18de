import type { Because, Change, Folded, JsonObject, ObjectKey, RecordedEvent } from '@weft/api';
import { appendOf, registry, streamOf } from '@weft/api';
import type { FoldedWorld } from '@weft/derive';
import { networkDomain } from '@weft/network';
import fc from 'fast-check';
import { type ProjectedChange, RowProjection } from '../rows/row-projection.ts';
import type { Row } from '../rows/rows.ts';
import { routingTables } from './routing.oracle.ts';
import { routing } from './routing.projection.ts';

const kinds = registry([networkDomain]);
const over = (log: Log) => new RowProjection(routing, kinds, log);

/** A log of few kinds with a plain fold: states, facts and facets, no rules. It has no indexes: each question searches all states. */
class Log implements FoldedWorld {
  readonly states = new Map<string, Folded>();
  position = 100n;

  get(key: ObjectKey): Folded | undefined {
    return this.states.get(streamOf(key));
  }

  *list(kind: string, namespace?: string): Iterable<Folded> {
    for (const state of this.states.values()) {
      if (state.status === 'live' && state.key.kind === kind && (namespace ?? state.key.namespace) === state.key.namespace) yield state;
    }
  }

  *by(kind: string, index: string, value: string): Iterable<Folded> {
    for (const state of this.list(kind)) if (kinds.kind(kind)?.indexes?.[index]?.(state).includes(value)) yield state;
  }

  count(kind: string, namespace?: string): number {
    return [...this.list(kind, namespace)].length;
  }

  records(): ReadonlyMap<string, unknown> {
    return new Map();
  }

  /** An append of one event; `evolve` gives the facts after it, undefined ends the incarnation. */
  add(
    key: ObjectKey,
    type: string,
    facet: string,
    evolve: (before: Folded) => Readonly<{ facts?: JsonObject; spec?: JsonObject; status?: JsonObject }> | undefined,
    data: JsonObject = {},
  ): Change {
    this.position += 10n;
    const stream = streamOf(key);
    const before = this.states.get(stream);
    const base = before?.status === 'live' && facet !== 'created' ? before : blank(key, `uid-${this.position}`);
    const next = evolve(base);
    const because: Because = { position: this.position, stream, revision: 0n, eventId: `e${this.position}` };
    const after: Folded =
      next === undefined
        ? { ...blank(key, ''), status: 'absent', position: this.position }
        : {
            ...base,
            status: 'live',
            facts: next.facts ?? base.facts,
            object: { ...base.object, spec: next.spec ?? base.object.spec ?? {}, status: next.status ?? base.object.status ?? {} },
            facets: { ...base.facets, [facet]: because },
            position: this.position,
          };
    this.states.set(stream, after);
    return { append: appendOf([this.#event(because.eventId, type, stream, data)]), ...(before === undefined ? {} : { before }), after };
  }

  /** An event of a reservation stream: no states. */
  reservation(): Change {
    this.position += 10n;
    return { append: appendOf([this.#event(`e${this.position}`, 'VniReserved.v1', 'vni-200')]) };
  }

  #event(id: string, type: string, stream: string, data: JsonObject = {}): RecordedEvent {
    return { id, type, data, metadata: META, stream, revision: 0n, position: this.position };
  }

  /** Several events of one stream as one append. */
  together(...changes: readonly [Change, ...Change[]]): Change {
    const last = changes.at(-1) as Change;
    return {
      ...changes[0],
      ...last,
      before: changes[0].before,
      append: appendOf(changes.flatMap(({ append }) => append.events)),
    } as Change;
  }
}

const META: RecordedEvent['metadata'] = {
  actor: { user: 'test', verified: false },
  requestId: 'r',
  $correlationId: 'r',
  $causationId: 'r',
  time: '2026-01-01T00:00:00Z',
  append: { index: 0, count: 1 },
};

function blank(key: ObjectKey, uid: string): Folded {
  return {
    key,
    status: 'absent',
    object: {
      apiVersion: 'v1',
      kind: key.kind,
      metadata: { name: key.name, uid, resourceVersion: '0', creationTimestamp: '' },
    },
    facts: {},
    revision: 'none',
    position: 0n,
    facets: {},
    requests: [],
  };
}

const network = (name: string): ObjectKey => ({ kind: 'Network', namespace: 'default', name });
const nic = (name: string): ObjectKey => ({ kind: 'NetworkInterface', namespace: 'default', name });
const host = (name: string): ObjectKey => ({ kind: 'Host', name });

const createNetwork = (log: Log, name: string) => log.add(network(name), 'NetworkCreated.v1', 'created', () => ({}));
const number = (log: Log, name: string, vni: number) =>
  log.add(network(name), 'VniAssigned.v1', 'vni', ({ facts }) => ({ facts: { ...facts, vni } }));
/** Creates a NIC; one that lives under this name is ended first. */
const createNic = (log: Log, name: string, of: string, ip: string, attributes: JsonObject = {}) =>
  log.add(nic(name), 'NetworkInterfaceCreated.v1', 'created', () => ({
    spec: { networkRef: { name: of }, attributes },
    facts: { mac: '02:00:00:00:00:01' },
    status: { ips: [ip] },
  }));
const place = (log: Log, name: string, on: string) =>
  log.add(nic(name), 'NicPlaced.v1', 'placement', ({ facts }) => ({ facts: { ...facts, placement: { host: on } } }));
const unplace = (log: Log, name: string) =>
  log.add(nic(name), 'NicUnplaced.v1', 'placement', ({ facts }) => ({ facts: { mac: facts['mac'] ?? '' } }));
const address = (log: Log, name: string, ip: string) =>
  log.add(nic(name), 'NicAddressesAssigned.v1', 'addresses', () => ({ status: { ips: [ip] } }));
const ranges = (log: Log, name: string, ...prefixes: string[]) =>
  log.add(nic(name), 'NicRangesTaken.v1', 'prefixes', ({ object }) => ({ status: { ...(object.status as JsonObject), prefixes } }));
const register = (log: Log, name: string, index: number, underlay = `fd00::${index}`) =>
  log.add(host(name), 'HostRegistered.v1', 'created', ({ facts }) => ({
    facts: { ...facts, index },
    spec: { underlay: { ip: underlay } },
  }));
const held = (facts: JsonObject) => (facts['held'] ?? {}) as JsonObject;
const hold = (log: Log, name: string, vni: number) =>
  log.add(host(name), 'NetworkHeld.v1', `held.${vni}`, ({ facts }) => ({ facts: { ...facts, held: { ...held(facts), [vni]: true } } }), {
    vni,
  });
const release = (log: Log, name: string, vni: number) =>
  log.add(
    host(name),
    'NetworkReleased.v1',
    `held.${vni}`,
    ({ facts }) => ({ facts: { ...facts, held: Object.fromEntries(Object.entries(held(facts)).filter(([key]) => key !== `${vni}`)) } }),
    { vni },
  );
const move = (log: Log, name: string, underlay: string) =>
  log.add(host(name), 'HostUnderlayChanged.v1', 'underlay', () => ({ spec: { underlay: { ip: underlay } } }));
const applied = (log: Log, name: string) => log.add(host(name), 'HostApplied.v1', 'applied', () => ({}), { tables: {} });
const end = (log: Log, key: ObjectKey) => log.add(key, 'Ended.v1', 'deletion', () => undefined);
const label = (log: Log, key: ObjectKey) => log.add(key, 'LabelsChanged.v1', 'labels', () => ({}));

function said(changes: readonly ProjectedChange[]): Record<string, Record<string, unknown>> {
  return Object.fromEntries(changes.map(({ table, changes }) => [table, Object.fromEntries(changes.map(({ key, row }) => [key, row]))]));
}

/** A placed NIC in a held, numbered network. */
function given(): { log: Log; projection: RowProjection; uid: string } {
  const log = new Log();
  const projection = over(log);
  const changes = [
    createNetwork(log, 'n'),
    number(log, 'n', 200),
    register(log, 'a', 1),
    register(log, 'b', 2),
    createNic(log, 'x', 'n', '10.0.0.1'),
    hold(log, 'a', 200),
    place(log, 'x', 'a'),
  ];
  for (const change of changes) projection.onChange(change);
  return { log, projection, uid: log.states.get('NetworkInterface-default.x')!.object.metadata.uid };
}

describe('the routing projection', () => {
  it('gives a host row at registration', () => {
    const log = new Log();
    const projection = over(log);
    expect(said(projection.onChange(register(log, 'a', 7, 'fd00::7')))).toEqual({
      hosts: { a: { host: 'a', index: 7, underlay: 'fd00::7', position: '110', because: ['e110'] } },
    });
  });

  it('gives both rows of a NIC with the highest position it reads, and every event behind it', () => {
    const log = new Log();
    const projection = over(log);
    for (const change of [createNetwork(log, 'n'), number(log, 'n', 200), createNic(log, 'x', 'n', '10.0.0.1'), register(log, 'a', 1)]) {
      projection.onChange(change);
    }
    const uid = log.states.get('NetworkInterface-default.x')!.object.metadata.uid;
    const where = { nic: uid, mac: '02:00:00:00:00:01', ips: ['10.0.0.1'] };
    expect(said(projection.onChange(place(log, 'x', 'a')))).toEqual({
      'endpoints.200': { [uid]: { ...where, host: 'a', position: '150', because: ['e120', 'e130', 'e150'] } },
    });
    expect(said(projection.onChange(hold(log, 'a', 200)))).toEqual({
      'placements.a': {
        [uid]: {
          ...where,
          namespace: 'default',
          name: 'x',
          network: 'n',
          vni: 200,
          placedAt: '150',
          heldAt: '160',
          position: '160',
          because: ['e120', 'e130', 'e150', 'e160'],
        },
      },
    });
  });

  it('gives the ranges of a NIC in both rows, without host bits, and the event that brought them', () => {
    const { log, projection, uid } = given();
    const changed = said(projection.onChange(ranges(log, 'x', '10.9.0.7/24')));
    for (const table of ['endpoints.200', 'placements.a']) {
      expect(changed[table]?.[uid]).toMatchObject({
        prefixes: ['10.9.0.0/24'],
        position: '180',
        because: expect.arrayContaining(['e180']),
      });
    }
    expect(said(projection.onChange(ranges(log, 'x')))['endpoints.200']?.[uid]).not.toHaveProperty('prefixes');
  });

  it('gives no row before the network has a number', () => {
    const log = new Log();
    const projection = over(log);
    const changes = [createNic(log, 'x', 'n', '10.0.0.1'), place(log, 'x', 'a'), createNetwork(log, 'n')];
    expect(changes.flatMap((change) => projection.onChange(change))).toEqual([]);
    expect(Object.keys(said(projection.onChange(number(log, 'n', 200))))).toEqual(['endpoints.200']);
  });

  it('gives a placement row only while the host holds the network', () => {
    const { log, projection, uid } = given();
    expect(said(projection.onChange(release(log, 'a', 200)))).toEqual({ 'placements.a': { [uid]: undefined } });
    expect(projection.onChange(hold(log, 'b', 200))).toEqual([]);
    expect(Object.keys(said(projection.onChange(hold(log, 'a', 200))))).toEqual(['placements.a']);
  });

  it('moves the rows with the NIC', () => {
    const { log, projection, uid } = given();
    projection.onChange(hold(log, 'b', 200));
    const moved = said(projection.onChange(place(log, 'x', 'b')));
    expect(moved['placements.a']).toEqual({ [uid]: undefined });
    expect(moved['placements.b']?.[uid]).toMatchObject({ placedAt: '190', position: '190' });
    expect(moved['endpoints.200']?.[uid]).toMatchObject({ host: 'b' });
  });

  it.each([
    ['loses its place', (log: Log) => unplace(log, 'x')],
    ['ends', (log: Log) => end(log, nic('x'))],
    ['loses its network', (log: Log) => end(log, network('n'))],
  ])('takes both rows back when the NIC %s', (_, event) => {
    const { log, projection, uid } = given();
    expect(said(projection.onChange(event(log)))).toEqual({ 'placements.a': { [uid]: undefined }, 'endpoints.200': { [uid]: undefined } });
  });

  it('gives no row for an event that no row reads, nor for a repeat', () => {
    const { log, projection } = given();
    const quiet = [applied(log, 'a'), label(log, nic('x')), label(log, network('n')), label(log, host('a')), log.reservation()];
    const last = label(log, nic('x'));
    expect([...quiet, last, last].flatMap((change) => projection.onChange(change))).toEqual([]);
  });

  it('leaves the placement rows of one network as they are when the host takes another', () => {
    const { log, projection } = given();
    expect(projection.onChange(hold(log, 'a', 201))).toEqual([]);
    expect(projection.onChange(release(log, 'a', 201))).toEqual([]);
  });

  it('touches the rows of one NIC among many when it changes', () => {
    const { log, projection } = given();
    for (let i = 0; i < 50; i++) {
      projection.onChange(createNic(log, `y${i}`, 'n', `10.0.1.${i}`));
      projection.onChange(place(log, `y${i}`, 'a'));
    }
    const changes = projection.onChange(address(log, 'y7', '10.0.2.7'));
    expect(changes.map(({ table, changes }) => [table, changes.length])).toEqual([
      ['endpoints.200', 1],
      ['placements.a', 1],
    ]);
  });

  it('names the namespace of the guest that the NIC asks for', () => {
    const { log, projection } = given();
    projection.onChange(createNic(log, 'z', 'n', '10.0.0.9', { 'fabric.weft.dev/netns': 'mine' }));
    const placed = said(projection.onChange(place(log, 'z', 'a')));
    expect(Object.values(placed['placements.a']!)[0]).toMatchObject({ name: 'z', netns: 'mine' });
    expect(Object.values(placed['placements.a']!)[0]).not.toHaveProperty('answers');
  });

  it.each<[string, JsonObject, JsonObject]>([
    ['a TAP device', { 'fabric.weft.dev/tap': '1000:100' }, { tap: '1000:100', answers: true }],
    ['a TAP device without answers', { 'fabric.weft.dev/tap': '0', 'fabric.weft.dev/dhcp': 'false' }, { tap: '0' }],
    ['a namespace with answers', { 'fabric.weft.dev/dhcp': 'true' }, { answers: true }],
  ])('says that the guest of a NIC is %s', (_what, attributes, expected) => {
    const { log, projection } = given();
    projection.onChange(createNic(log, 'z', 'n', '10.0.0.9', attributes));
    const [row] = Object.values(said(projection.onChange(place(log, 'z', 'a')))['placements.a']!);
    const { netns, tap, answers } = row as JsonObject;
    expect({ ...(netns !== undefined && { netns }), ...(tap !== undefined && { tap }), ...(answers !== undefined && { answers }) }).toEqual(
      expected,
    );
  });

  it('finds a change that was not reported in an audit, and corrects the rows', () => {
    const log = new Log();
    let nowMs = 0;
    const projection = new RowProjection(routing, kinds, log, () => nowMs++);
    projection.onChange(register(log, 'a', 1));
    move(log, 'a', 'fd00::2'); // No change is given to the projection.
    const { differ, changes } = projection.audit(1000);
    expect(differ).toEqual([expect.stringContaining('rows of hosts')]);
    expect(changes.map(({ table }) => table)).toEqual(['hosts']);
    expect(projection.audit(1000)).toEqual({ differ: [], changes: [] });
  });

  it('begins with the rows of a full join over the states at its start', () => {
    const { log } = given();
    const loaded = collect([over(log).settle()]);
    expect(loaded).toEqual(full(log));
    expect(loaded).not.toEqual({});
  });
});

type Op = (log: Log) => Change | undefined;
const which = fc.constantFrom('x', 'y', 'z');
const of = fc.constantFrom('n', 'm');
const on = fc.constantFrom('a', 'b');
const vni = fc.constantFrom(200, 201, 202);
const live = (log: Log, key: ObjectKey, op: () => Change) => (log.states.get(streamOf(key))?.status === 'live' ? op() : undefined);
const often = (arbitrary: fc.Arbitrary<Op>) => ({ weight: 6, arbitrary });
const seldom = (arbitrary: fc.Arbitrary<Op>) => ({ weight: 1, arbitrary });
const op: fc.Arbitrary<Op> = fc.oneof(
  often(of.map((name) => (log) => live(log, network(name), () => label(log, network(name))) ?? createNetwork(log, name))),
  often(
    fc.tuple(of, vni).map(
      ([name, vni]) =>
        (log) =>
          live(log, network(name), () => number(log, name, vni)),
    ),
  ),
  seldom(of.map((name) => (log) => live(log, network(name), () => end(log, network(name))))),
  often(
    fc.tuple(which, of).map(
      ([name, of]) =>
        (log) =>
          live(log, nic(name), () => label(log, nic(name))) ?? createNic(log, name, of, '10.0.0.1'),
    ),
  ),
  often(
    fc.tuple(which, on).map(
      ([name, on]) =>
        (log) =>
          live(log, nic(name), () => place(log, name, on)),
    ),
  ),
  often(
    fc.tuple(which, on).map(
      ([name, on]) =>
        (log) =>
          live(log, nic(name), () => place(log, name, on)),
    ),
  ),
  seldom(which.map((name) => (log) => live(log, nic(name), () => unplace(log, name)))),
  often(
    fc.tuple(which, fc.constantFrom('10.0.0.1', '10.0.0.2')).map(
      ([name, ip]) =>
        (log) =>
          live(log, nic(name), () => address(log, name, ip)),
    ),
  ),
  often(
    fc.tuple(which, fc.subarray(['10.9.0.7/24', 'fd00:9::/64'])).map(
      ([name, prefixes]) =>
        (log) =>
          live(log, nic(name), () => ranges(log, name, ...prefixes)),
    ),
  ),
  seldom(which.map((name) => (log) => live(log, nic(name), () => end(log, nic(name))))),
  // One append ends the NIC and creates it again under the same name.
  seldom(which.map((name) => (log) => live(log, nic(name), () => createNic(log, name, 'm', '10.0.0.3')))),
  often(on.map((name) => (log) => register(log, name, name === 'a' ? 1 : 2))),
  often(
    fc.tuple(on, vni).map(
      ([name, vni]) =>
        (log) =>
          live(log, host(name), () => hold(log, name, vni)),
    ),
  ),
  often(
    fc.tuple(on, vni).map(
      ([name, vni]) =>
        (log) =>
          live(log, host(name), () => hold(log, name, vni)),
    ),
  ),
  seldom(
    fc.tuple(on, vni).map(
      ([name, vni]) =>
        (log) =>
          live(log, host(name), () => release(log, name, vni)),
    ),
  ),
  often(on.map((name) => (log) => live(log, host(name), () => applied(log, name)))),
  often(
    fc.tuple(on, vni, vni, fc.boolean()).map(
      ([name, one, other, moves]) =>
        (log) =>
          live(log, host(name), () => {
            const changes = [applied(log, name), hold(log, name, one), release(log, name, other)] as const;
            return moves ? log.together(...changes, move(log, name, 'fd00::9')) : log.together(...changes);
          }),
    ),
  ),
  often(
    fc.tuple(which, on, fc.boolean()).map(
      ([name, on, leaves]) =>
        (log) =>
          live(log, nic(name), () => {
            const moved = [address(log, name, '10.0.0.4'), unplace(log, name)] as const;
            return leaves ? log.together(...moved, end(log, nic(name))) : log.together(...moved, place(log, name, on));
          }),
    ),
  ),
  seldom(on.map((name) => (log) => live(log, host(name), () => end(log, host(name))))),
  seldom(fc.constant((log) => log.reservation())),
  seldom(fc.constant((log) => log.add({ kind: 'VirtualIP', namespace: 'default', name: 'x' }, 'VirtualIPBound.v1', 'binding', () => ({})))),
);

function apply(tables: Map<string, Map<string, JsonObject>>, changes: readonly ProjectedChange[]): void {
  for (const { table, changes: rows } of changes) {
    const present = tables.get(table) ?? new Map<string, JsonObject>();
    tables.set(table, present);
    for (const { key, row } of rows) {
      if (row === undefined) present.delete(key);
      else present.set(key, row);
    }
    if (present.size === 0) tables.delete(table);
  }
}
function collect(all: readonly (readonly ProjectedChange[])[]): unknown {
  const tables = new Map<string, Map<string, JsonObject>>();
  for (const changes of all) apply(tables, changes);
  return text(tables);
}
function full(log: Log): unknown {
  return text(routingTables(log.states.values()));
}
function text(tables: ReadonlyMap<string, ReadonlyMap<string, Row | JsonObject>>): unknown {
  return Object.fromEntries(
    [...tables].sort().map(([table, rows]) => [table, [...rows].sort(([a], [b]) => (a < b ? -1 : 1)).map((row) => JSON.stringify(row))]),
  );
}

describe('incremental rows', () => {
  it('equal recomputed rows byte by byte after each event of random histories, and after a load half way', () => {
    fc.assert(
      fc.property(fc.array(op, { minLength: 1, maxLength: 150, size: 'max' }), fc.nat(149), (ops, half) => {
        const log = new Log();
        const projection = over(log);
        const tables = new Map<string, Map<string, JsonObject>>();
        let late: { projection: RowProjection; tables: Map<string, Map<string, JsonObject>> } | undefined;
        ops.forEach((each, i) => {
          const change = each(log);
          if (change === undefined) return;
          apply(tables, projection.onChange(change));
          expect(text(tables)).toEqual(full(log));
          if (late !== undefined) apply(late.tables, late.projection.onChange(change));
          else if (i >= half) {
            late = { projection: over(log), tables: new Map() };
            apply(late.tables, late.projection.settle());
          }
        });
        if (late !== undefined) expect(text(late.tables)).toEqual(full(log));
      }),
      { numRuns: 200 },
    );
  });
});
