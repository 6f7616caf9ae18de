/** What a host's kernel knows of public addresses, after each change and whatever the order, held to what rows say of each port and address. */
import fc from 'fast-check';
import { Compiler } from '../compile/compiler.ts';
import type { KernelObject, KernelState } from '../kernel/kernel-objects.ts';
import { keyOf } from '../kernel/kernel-objects.ts';
import type { NatRow, PublicVirtualIpRow, Row, TableName } from '../rows/rows.ts';

const identity = { host: 'a', index: 1, underlay: 'fd00::1' };
const because = ['e'];
const HERE = 0x8000_0000;
const nic = (n: number) => `0000000${n}-aaaa-4bbb-8ccc-dddddddddddd`;
const HOSTS: Readonly<Record<string, number>> = { a: 1, b: 2, c: 3 };

type Step = Readonly<{ table: TableName; key: string; row: Row | undefined }>;
const position = fc.integer({ min: 1, max: 60 }).map(String);
const maybe = <T>(row: fc.Arbitrary<T>) => fc.option(row, { nil: undefined, freq: 4 });
const host = fc.constantFrom('a', 'a', 'b', 'c');
const number = fc.integer({ min: 1, max: 4 });

const placement = fc.tuple(number, maybe(position)).map(([n, found]): Step => {
  const row = { namespace: 'default', name: `n${n}`, network: 'net', mac: '02:00:00:00:00:01', placedAt: '1', heldAt: '1', because };
  return {
    table: 'placements.a',
    key: nic(n),
    row: found === undefined ? undefined : { ...row, nic: nic(n), vni: 200 + (n % 2), ips: [`10.0.0.${n}`], position: found },
  };
});
const otherHost = fc.tuple(fc.constantFrom('b', 'c'), maybe(position)).map(([name, found]): Step => {
  const index = HOSTS[name] as number;
  return {
    table: 'hosts',
    key: name,
    row: found === undefined ? undefined : { host: name, index, underlay: `fd00::${index}`, position: found, because },
  };
});
const edge = fc.tuple(fc.constantFrom('a', 'b', 'c'), maybe(position)).map(([name, found]): Step => {
  return { table: 'edges', key: name, row: found === undefined ? undefined : { host: name, position: found, because } };
});
/** Slots of two sizes, which never overlap. */
const slot = fc
  .tuple(fc.integer({ min: 0, max: 5 }), maybe(fc.tuple(number, fc.option(host), fc.constantFrom('draining', 'pending', 'open'), position)))
  .map(([at, found]): Step => {
    const [first, size] = at < 4 ? [1_024 + at * 4, 4] : [2_048 + (at - 4) * 16, 16];
    const [n = 1, on = null, state = 'open', since = '1'] = found ?? [];
    const row = {
      public: '203.0.113.1',
      first,
      last: first + size - 1,
      nic: nic(n),
      ip: `10.0.0.${n}`,
      vni: 200 + (n % 2),
      position: since,
      because,
    };
    return {
      table: 'nat',
      key: `203.0.113.1 ${first}`,
      row:
        found === undefined
          ? undefined
          : ({ ...row, ...(on !== null && { host: on }), ...(state !== 'open' && { [state]: true }) } as NatRow),
    };
  });
const virtualIp = fc.tuple(fc.integer({ min: 7, max: 8 }), maybe(fc.tuple(number, host, position))).map(([n, found]): readonly Step[] => {
  const uid = `vip-${n}`;
  if (found === undefined)
    return ['virtual-ips.200', 'virtual-ips.201', 'virtual-ips.1'].map((table) => ({
      table: table as TableName,
      key: uid,
      row: undefined,
    }));
  const [of, on, since] = found;
  const row = { virtualIp: uid, ip: `203.0.113.${n}`, nic: nic(of), address: `10.0.0.${of}`, position: since, because };
  const vni = 200 + (of % 2);
  return [
    { table: `virtual-ips.${401 - vni}`, key: uid, row: undefined },
    { table: `virtual-ips.${vni}`, key: uid, row },
    { table: 'virtual-ips.1', key: uid, row: { ...row, vni, host: on } },
  ];
});
const steps = fc.array(
  fc
    .oneof(placement, placement, otherHost, edge, slot, slot, virtualIp)
    .map((each) => (Array.isArray(each) ? each : [each]) as readonly Step[]),
  {
    minLength: 1,
    maxLength: 40,
    size: 'max',
  },
);

class Rows {
  readonly tables = new Map<TableName, Map<string, Row>>();
  of<R extends Row>(table: TableName): Map<string, R> {
    const rows = this.tables.get(table) ?? new Map<string, Row>();
    this.tables.set(table, rows);
    return rows as Map<string, R>;
  }
}

const entryAt = (state: KernelState, key: string): string | undefined => {
  const object = state.get(`entry/${key}`);
  return object?.kind === 'entry' ? object.value : undefined;
};
const bytes = (state: KernelState) => JSON.stringify([...state].sort(([x], [y]) => (x < y ? -1 : 1)));

describe('What a host knows of public addresses', () => {
  it('packet P-46: is after each change what a compiler makes of all rows, and sends each port and address to whom rows give it', () => {
    const counts = { here: 0, there: 0, nobody: 0, mixed: 0, held: 0, elsewhere: 0, sends: 0, waits: 0 };
    fc.assert(
      fc.property(steps, (history) => {
        const rows = new Rows();
        const compiler = new Compiler(identity, () => 0);
        const mirror = new Map<string, KernelObject>();
        for (const { table, key, row } of history.flat()) {
          if (row === undefined) rows.of(table).delete(key);
          else rows.of(table).set(key, row);
          const change = compiler.applyRows(table, [{ key, row: row as never }]);
          for (const object of change.put) mirror.set(keyOf(object), object);
          for (const object of change.remove) mirror.delete(keyOf(object));
        }
        expect(bytes(mirror)).toBe(bytes(compiler.state));
        const whole = new Compiler(identity);
        for (const [table, all] of [...rows.tables].reverse())
          whole.applyRows(
            table,
            [...all].map(([key, row]) => ({ key, row: row as never })),
          );
        expect(bytes(whole.state)).toBe(bytes(compiler.state));
        expect(compiler.auditSlice(Number.POSITIVE_INFINITY).findings).toEqual([]);
        checkSlots(rows, compiler.state, counts);
        checkVirtualIps(rows, compiler.state, counts);
      }),
      { numRuns: 200, seed: 3 },
    );
    for (const [what, count] of Object.entries(counts)) expect([what, count > 0]).toEqual([what, true]);
  });

  it('has no public side where nothing is public, one with a way to an edge where something is, and its own way out at an edge', () => {
    const compiler = new Compiler(identity);
    const row = {
      namespace: 'default',
      name: 'n',
      network: 'net',
      mac: '02:00:00:00:00:01',
      placedAt: '1',
      heldAt: '1',
      position: '1',
      because,
    };
    compiler.applyRows('hosts', [{ key: 'b', row: { host: 'b', index: 2, underlay: 'fd00::2', position: '1', because } }]);
    compiler.applyRows('edges', [{ key: 'b', row: { host: 'b', position: '1', because } }]);
    compiler.applyRows('placements.a', [{ key: nic(1), row: { ...row, nic: nic(1), vni: 200, ips: ['10.0.0.1'] } }]);
    expect([compiler.state.has('router/1'), compiler.state.has('entry/r200/wires/1')]).toEqual([false, false]);
    const vip = { virtualIp: 'v', ip: '203.0.113.7', nic: nic(1), address: '10.0.0.1', position: '2', because };
    compiler.applyRows('virtual-ips.200', [{ key: 'v', row: vip }]);
    expect([
      compiler.state.has('router/1'),
      compiler.state.has('peer/1/2'),
      compiler.state.has('entry/r200/wires/1'),
      compiler.state.has('entry/r1/wires/200'),
    ]).toEqual([true, true, true, true]);
    expect(entryAt(compiler.state, 'r1/routes/0.0.0.0/0')).toBe('fe80::1:2 vx');
    expect(entryAt(compiler.state, 'r200/routes/::/0')).toBe('fe80::1:1 q1');
    // Another edge is used only where the first one is not in order, or both are not.
    compiler.applyRows('hosts', [{ key: 'c', row: { host: 'c', index: 3, underlay: 'fd00::3', position: '1', because } }]);
    const edgeRow = (name: string, avoid: boolean) => ({ key: name, row: { host: name, ...(avoid && { avoid }), position: '2', because } });
    const out = (...rows: ReturnType<typeof edgeRow>[]) => {
      compiler.applyRows('edges', rows);
      return entryAt(compiler.state, 'r1/routes/0.0.0.0/0');
    };
    expect(out(edgeRow('c', true))).toBe('fe80::1:2 vx');
    expect(out(edgeRow('b', true), edgeRow('c', false))).toBe('fe80::1:3 vx');
    expect(out(edgeRow('c', true))).toBe('fe80::1:3 vx');
    expect(out(edgeRow('b', false))).toBe('fe80::1:2 vx');
    compiler.applyRows('edges', [{ key: 'a', row: { host: 'a', position: '3', because } }]);
    expect(entryAt(compiler.state, 'r1/routes/0.0.0.0/0')).toBeUndefined();
    compiler.applyRows('virtual-ips.200', [{ key: 'v', row: undefined }]);
    expect([compiler.state.has('router/1'), compiler.state.has('entry/r200/wires/1')]).toEqual([true, false]);
    compiler.applyRows('edges', [{ key: 'a', row: undefined }]);
    expect(compiler.state.has('router/1')).toBe(false);
  });
});

type Counts = Record<'here' | 'there' | 'nobody' | 'mixed' | 'held' | 'elsewhere' | 'sends' | 'waits', number>;

/** Ports are looked up as the chains do it. */
function checkSlots(rows: Rows, state: KernelState, counts: Counts): void {
  if (!state.has('router/1')) return;
  const slots = [...rows.of<NatRow>('nat').values()];
  const isEdge = rows.of('edges').has('a');
  const size = Number(/^goto nat_(\d+)$/.exec(entryAt(state, 'r1/nat_size4/203.0.113.1') ?? '')?.[1] ?? 0);
  if (new Set(slots.map(({ first, last }) => last - first)).size > 1 && size > 0) counts.mixed++;
  for (const port of [1_024, 1_027, 1_028, 1_039, 1_040, 2_048, 2_063, 2_064, 2_079, 2_080]) {
    const masked = size === 0 ? port : port & (0x10000 - size);
    const found = ['nat_port4', 'nat_echo4', 'nat_error4'].map((map) => entryAt(state, `r1/${map}/203.0.113.1 . ${masked}`));
    const owner = slots.find(({ first, last }) => first <= port && port <= last)?.host;
    const isKnown = owner === 'a' || (isEdge && owner !== undefined && rows.of('hosts').has(owner));
    const mark = !isKnown ? undefined : owner === 'a' ? HERE : HOSTS[owner as string];
    counts[mark === undefined ? 'nobody' : mark === HERE ? 'here' : 'there']++;
    expect([port, ...(size === 0 ? [] : found)]).toEqual([
      port,
      ...(size === 0 ? [] : found.map(() => (mark === undefined ? undefined : String(mark)))),
    ]);
    if (size === 0) expect(mark).toBeUndefined();
  }
  // Answers are known before something is asked.
  for (const { host: on, vni, ip, public: address, first, last, draining, pending } of slots) {
    if (on !== 'a' || !state.has(`router/${vni}`)) continue;
    expect(entryAt(state, `r${vni}/nat_slot4/${address} . ${first}-${last}`)).toBe(ip);
    const isOpen = draining !== true && pending !== true;
    const isSent = entryAt(state, `r${vni}/nat_out4/${ip}`) === `${address} . ${first}-${last}`;
    counts[isSent ? 'sends' : 'waits']++;
    if (!isOpen) expect(isSent).toBe(false);
  }
}

function checkVirtualIps(rows: Rows, state: KernelState, counts: Counts): void {
  for (const { ip, nic: of, address, vni, host: on } of rows.of<PublicVirtualIpRow>('virtual-ips.1').values()) {
    const isHere = [...rows.of('placements.a').keys()].includes(of) && state.has(`router/${vni}`);
    const isElsewhere = !isHere && rows.of('edges').has('a') && rows.of('hosts').has(on);
    if (isHere) {
      counts.held++;
      expect([entryAt(state, `r${vni}/vip_in4/${ip}`), entryAt(state, `r1/routes/${ip}`)]).toEqual([
        address,
        `fe80::${vni.toString(16)}:1 q${vni}`,
      ]);
    } else if (isElsewhere) {
      counts.elsewhere++;
      expect(entryAt(state, `r1/routes/${ip}`)).toBe(`fe80::1:${HOSTS[on]} vx`);
    }
  }
}
