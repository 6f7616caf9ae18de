/** What routers know of peered networks, held to what `visibleFrom` says is seen; after each change, whatever the order. */
import { holdsRange, type IpPrefix, parsePrefix, rangeOf } from '@weft/api';
import fc from 'fast-check';
import { compile } from '../compile/compile.ts';
import { Compiler } from '../compile/compiler.ts';
import { visibleFrom } from '../evaluate/visible.ts';
import { type EntryObject, type KernelObject, type KernelState, keyOf } from '../kernel/kernel-objects.ts';
import { nextHop, routerMac } from '../kernel/router-names.ts';
import { TableRows } from '../rows/row-index.ts';
import type { EndpointRow, HostRow, PeeringRow, PlacementRow, Row, TableName } from '../rows/rows.ts';

const identity = { host: 'a', index: 1, underlay: 'fd00::1' };
const because = ['e'];
const NETWORKS = [200, 201, 70_000];
const nic = (n: number) => `0000000${n}-aaaa-4bbb-8ccc-dddddddddddd`;

class Tables {
  readonly rows = new Map<TableName, Map<string, Row>>();
  of(table: TableName): Map<string, Row> {
    const rows = this.rows.get(table) ?? new Map<string, Row>();
    this.rows.set(table, rows);
    return rows;
  }
  get others() {
    return new Map([...this.rows].filter(([table]) => table.startsWith('peerings.')));
  }
  compiled(): KernelState {
    const endpoints = new Map(NETWORKS.map((vni) => [vni, this.of(`endpoints.${vni}`) as Map<string, EndpointRow>]));
    const hosts = this.of('hosts') as Map<string, HostRow>;
    const placements = this.of('placements.a') as Map<string, PlacementRow>;
    return compile(identity, { hosts, placements, endpoints, others: this.others }, () => false);
  }
}

type Step = Readonly<{ table: TableName; key: string; row: Row | undefined }>;

const position = fc.integer({ min: 1, max: 60 }).map(String);
const addresses = ['10.0.0.1', '10.0.0.2', '10.0.1.1', 'fd10::1', 'fd10::2'];
const ranges = ['10.0.0.0/24', '10.0.0.0/31', '10.0.0.2/32', '10.0.0.0/8', 'fd10::/64', 'fd10::2/127'];
const ips = fc.uniqueArray(fc.constantFrom(...addresses), { minLength: 1, maxLength: 2 });
const prefixes = fc.option(fc.uniqueArray(fc.constantFrom(...ranges), { maxLength: 2 }), { nil: undefined, freq: 1 });
const exposed = fc.option(fc.uniqueArray(fc.constantFrom(...ranges), { maxLength: 2 }), { nil: undefined, freq: 4 });
const aVni = fc.constantFrom(...NETWORKS);
const maybe = <T>(row: fc.Arbitrary<T>) => fc.option(row, { nil: undefined, freq: 4 });
const with_ = <T extends object>(row: T, more: readonly string[] | undefined) =>
  more === undefined ? row : { ...row, prefixes: [...more] };
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.integer({ min: 1, max: 7 }), aVni, maybe(fc.tuple(fc.constantFrom('a', 'b', 'c'), ips, prefixes, position)))
      .map(([n, vni, found]): Step => {
        const row =
          found && with_({ nic: nic(n), host: found[0], mac: '02:00:00:00:00:01', ips: found[1], position: found[3], because }, found[2]);
        return { table: `endpoints.${vni}`, key: nic(n), row };
      }),
  },
  {
    weight: 3,
    arbitrary: fc.tuple(aVni, aVni, maybe(fc.tuple(exposed, position))).map(([seeing, vni, found]): Step => {
      const row: PeeringRow | undefined = found && with_({ vni, network: `default/n${vni}`, position: found[1], because }, found[0]);
      return { table: `peerings.${seeing}`, key: String(vni), row: seeing === vni ? undefined : row };
    }),
  },
  fc.tuple(fc.integer({ min: 1, max: 4 }), maybe(fc.tuple(aVni, ips, position))).map(([n, found]): Step => {
    const common = { namespace: 'default', name: `n${n}`, network: 'net', mac: '02:00:00:00:00:01', placedAt: '1', heldAt: '1', because };
    return {
      table: 'placements.a',
      key: nic(n),
      row: found && { ...common, nic: nic(n), vni: found[0], ips: found[1], position: found[2] },
    };
  }),
  fc
    .tuple(fc.constantFrom('b', 'c'), maybe(fc.tuple(fc.integer({ min: 2, max: 3 }), fc.constantFrom('fd00::2', 'fd00::3'), position)))
    .map(([host, found]): Step => {
      const row = found && { host, index: found[0], underlay: found[1], position: found[2], because };
      return { table: 'hosts', key: host, row };
    }),
);

/** Two networks are here, and see each other. */
const BEGIN: readonly Step[] = [
  ...[200, 201].map((vni, at): Step => {
    const row = {
      namespace: 'default',
      name: `n${at}`,
      network: 'net',
      mac: '02:00:00:00:00:01',
      placedAt: '1',
      heldAt: '1',
      because,
      vni,
      ips: ['10.9.0.1'],
    };
    return { table: 'placements.a', key: nic(8 + at), row: { ...row, nic: nic(8 + at), position: '1' } };
  }),
  ...[200, 201].map(
    (vni): Step => ({
      table: `peerings.${401 - vni}`,
      key: String(vni),
      row: { vni, network: `default/n${vni}`, position: '1', because },
    }),
  ),
];

const entriesOf = (state: KernelState): readonly EntryObject[] => [...state.values()].filter((object) => object.kind === 'entry');
const bytes = (state: KernelState) => JSON.stringify([...state].sort(([x], [y]) => (x < y ? -1 : 1)));

/** Where a router sends an address that it has no port and no route of its own network for: by the longest of its routes to peers. */
function routed(state: KernelState, vni: number, address: string): EntryObject | undefined {
  const wanted = prefixOf(address);
  const found = entriesOf(state).filter(
    ({ scope, section, key }) => scope === `r${vni}` && section === 'routes' && holds(prefixOf(key), wanted),
  );
  return found.sort((a, b) => prefixOf(b.key).length - prefixOf(a.key).length)[0];
}
const prefixOf = (text: string): IpPrefix =>
  parsePrefix(text.includes('/') ? text : `${text}/${text.includes(':') ? 128 : 32}`) as IpPrefix;
const holds = (outer: IpPrefix, inner: IpPrefix): boolean => outer.family === inner.family && holdsRange(rangeOf(outer), rangeOf(inner));

describe('What routers know of peered networks', () => {
  it('is after each change what a full compile gives, and sends each address to whom its network sees there', () => {
    const counts = { tunnel: 0, wire: 0, own: 0, hidden: 0, nobody: 0 };
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 40, size: 'max' }), (steps) => {
        const tables = new Tables();
        const compiler = new Compiler(identity, () => 0);
        const mirror = new Map<string, KernelObject>();
        for (const { table, key, row } of [...BEGIN, ...steps]) {
          if (row === undefined) tables.of(table).delete(key);
          else tables.of(table).set(key, row);
          const change = compiler.applyRows(table, [{ key, row: row as never }]);
          for (const object of change.put) mirror.set(keyOf(object), object);
          for (const object of change.remove) mirror.delete(keyOf(object));
        }
        expect(bytes(compiler.state)).toBe(bytes(tables.compiled()));
        expect(bytes(mirror)).toBe(bytes(compiler.state));
        expect(compiler.auditSlice(Number.POSITIVE_INFINITY).findings).toEqual([]);
        check(tables, compiler.state, counts);
      }),
      { numRuns: 150, seed: 1 },
    );
    for (const [what, count] of Object.entries(counts)) expect([what, count > 0]).toEqual([what, true]);
  });
});

function check(tables: Tables, state: KernelState, counts: Record<'tunnel' | 'wire' | 'own' | 'hidden' | 'nobody', number>): void {
  const rows = new TableRows(tables.rows);
  const here = NETWORKS.filter((vni) => state.has(`router/${vni}`));
  for (const vni of here) {
    for (const address of [...addresses, '10.0.0.9', 'fd10::9']) {
      const { used, hidden } = visibleFrom(rows, vni, address);
      const local = [...tables.of('placements.a').values()].some(
        (row) => 'placedAt' in row && row.vni === vni && row.ips.includes(address),
      );
      const route = routed(state, vni, address);
      const host = used && hostRow(tables, used.host);
      if (used === undefined || used.vni === vni || local) {
        counts[used === undefined ? (hidden.length > 0 ? 'hidden' : 'nobody') : 'own']++;
        // What the network has itself under a shorter destination is behind a longer one of a peer; never the other way round.
        if (!local) expect([vni, address, used === undefined ? route : undefined]).toEqual([vni, address, undefined]);
        continue;
      }
      const isHere = used.host === identity.host;
      const way = isHere
        ? here.includes(used.vni) && `${nextHop(used.vni, identity.index)} q${used.vni}`
        : host && `${nextHop(used.vni, host.index)} vx`;
      if (way === undefined || way === false) continue; // Its host, or the router of its network, is not known yet.
      counts[isHere ? 'wire' : 'tunnel']++;
      expect([vni, address, route?.value]).toEqual([vni, address, way]);
      const neighbour = state.get(`entry/r${vni}/neighbours/${isHere ? `q${used.vni}` : 'vx'} ${way.split(' ')[0]}`);
      expect(neighbour).toMatchObject({ value: routerMac(used.vni, isHere ? identity.index : host!.index) });
      if (isHere)
        for (const [one, other] of [
          [vni, used.vni],
          [used.vni, vni],
        ])
          expect(state.has(`entry/r${one}/wires/${other}`)).toBe(true);
      else
        expect(state.get(`entry/r${vni}/tunnels/${routerMac(used.vni, host!.index)}`)).toMatchObject({
          value: `${host!.underlay} ${used.vni}`,
        });
    }
  }
}

/** The other host of this name, if it has its number for itself. */
function hostRow(tables: Tables, name: string): HostRow | undefined {
  const rows = [...(tables.of('hosts') as Map<string, HostRow>).values()];
  const row = rows.find(({ host }) => host === name);
  return row !== undefined && rows.every((each) => each === row || each.index !== row.index) ? row : undefined;
}
