/** Who is seen under an address across peerings: provider 3.4, R-18, R-25, R-26, Appendix A-6. */
import { holdsRange, type IpPrefix, parsePrefix, rangeOf } from '@weft/api';
import fc from 'fast-check';
import { TableRows } from '../rows/row-index.ts';
import type { EndpointRow, PeeringRow, Row, TableName } from '../rows/rows.ts';
import { visibleFrom } from './visible.ts';

type Nic = Readonly<{ nic: string; vni: number; ips: readonly string[]; prefixes?: readonly string[]; position?: number }>;
/** `of` exposes `prefixes` to `to`. */
type Peering = Readonly<{ of: number; to: number; prefixes?: readonly string[] }>;

function tablesOf(nics: readonly Nic[], peerings: readonly Peering[]) {
  const tables = new Map<TableName, Map<string, Row>>();
  const put = (table: TableName, key: string, row: Row) =>
    void tables.set(table, (tables.get(table) ?? new Map<string, Row>()).set(key, row));
  for (const { nic, vni, ips, prefixes, position = 7 } of nics) {
    const common = { nic, host: 'a', mac: '02:00:00:00:00:01', ips: [...ips], ...(prefixes && { prefixes: [...prefixes] }) };
    const row: EndpointRow = { ...common, position: `${position}`, because: [] };
    put(`endpoints.${vni}`, nic, row);
  }
  for (const { of, to, prefixes } of peerings) {
    const row: PeeringRow = { vni: of, network: `ns/n${of}`, ...(prefixes && { prefixes: [...prefixes] }), position: '9', because: [] };
    put(`peerings.${to}`, `${of}`, row);
  }
  return tables;
}
const rows = (nics: readonly Nic[], peerings: readonly Peering[]) => new TableRows(tablesOf(nics, peerings));

const A = 200;
const B = 201;
const C = 202;
const one = (vni: number, ip: string): Nic => ({ nic: `${vni} ${ip}`, vni, ips: [ip] });
const both = (prefixes?: readonly string[]): readonly Peering[] => [
  { of: A, to: B, ...(prefixes && { prefixes }) },
  { of: B, to: A },
];
const usedFrom = (vni: number, ip: string, nics: readonly Nic[], peerings: readonly Peering[]) =>
  visibleFrom(rows(nics, peerings), vni, ip).used?.vni;

describe('Who is seen under an address', () => {
  it('is an interface of the network itself, and one of a peer that exposes it; the rows say why', () => {
    const nics = [one(A, '10.0.0.1'), one(B, '10.0.1.1')];
    expect(visibleFrom(rows(nics, both(['10.0.0.0/24'])), B, '10.0.0.1')).toMatchObject({
      used: {
        vni: A,
        nic: '200 10.0.0.1',
        host: 'a',
        destination: '10.0.0.1/32',
        exposed: '10.0.0.0/24',
        rows: [
          { table: 'endpoints.200', key: '200 10.0.0.1', row: { position: '7' } },
          { table: 'peerings.201', key: '200', row: { position: '9' } },
        ],
      },
      shadowed: [],
      hidden: [],
    });
    expect(visibleFrom(rows(nics, both()), B, '10.0.1.1').used).toMatchObject({ vni: B, rows: [{ table: 'endpoints.201' }] });
  });

  it.each<[string, readonly string[] | undefined, boolean]>([
    ['everything', undefined, true],
    ['nothing, as an unresolved filter does (R-18)', [], false],
    ['a range that holds it', ['10.9.0.0/16', '10.0.0.0/24'], true],
    ['another range', ['10.0.1.0/24'], false],
    ['a range of the other family', ['2001:db8::/32'], false],
  ])('is one of a peer that exposes %s', (_what, prefixes, isSeen) => {
    const { used, hidden } = visibleFrom(rows([one(A, '10.0.0.1')], both(prefixes)), B, '10.0.0.1');
    expect([used !== undefined, hidden.length]).toEqual([isSeen, isSeen ? 0 : 1]);
  });

  it('is nobody of a network that is not peered, also when another peer is (not transitive)', () => {
    const chain: readonly Peering[] = [...both(), { of: B, to: C }, { of: C, to: B }];
    expect(usedFrom(C, '10.0.0.1', [one(A, '10.0.0.1')], chain)).toBeUndefined();
    expect(usedFrom(B, '10.0.0.1', [one(A, '10.0.0.1')], chain)).toBe(A);
  });

  it('R-26: is its own before any peer, between peers the longer exposed range, then the lower VNI; when one goes, the next', () => {
    const nics = [one(A, '10.0.0.1'), one(B, '10.0.0.1'), one(C, '10.0.0.1')];
    const peerings: readonly Peering[] = [
      { of: A, to: 203 },
      { of: B, to: 203, prefixes: ['10.0.0.0/8'] },
      { of: C, to: 203, prefixes: ['10.0.0.0/8'] },
    ];
    const seen = (them: readonly Nic[]) => {
      const { used, shadowed } = visibleFrom(rows(them, peerings), 203, '10.0.0.1');
      return [used, ...shadowed].map((each) => each?.vni);
    };
    expect(seen(nics)).toEqual([B, C, A]);
    expect(seen([...nics, one(203, '10.0.0.1')])).toEqual([203, B, C, A]);
    expect(seen(nics.slice(0, 1))).toEqual([A]);
  });

  const ranged = (vni: number, prefix: string): Nic => ({ nic: `${vni} ${prefix}`, vni, ips: [], prefixes: [prefix] });

  it('provider R-25: is no range of a peer that is wider than what it exposes, though the address lies in that', () => {
    const { used, hidden } = visibleFrom(rows([ranged(A, '10.0.0.0/8')], both(['10.0.0.0/24'])), B, '10.0.0.1');
    expect([used, hidden.map(({ destination }) => destination)]).toEqual([undefined, ['10.0.0.0/8']]);
    expect(usedFrom(B, '10.0.0.1', [ranged(A, '10.0.0.0/25')], both(['10.0.0.0/24']))).toBe(A);
  });

  it('A-6: is shadowed by a range of the network itself that is longer or equal, and not by a shorter one', () => {
    const seen = (own: string) => usedFrom(B, '10.0.0.1', [ranged(A, '10.0.0.0/24'), ranged(B, own)], both());
    expect(['10.0.0.0/25', '10.0.0.0/24', '10.0.0.0/23'].map(seen)).toEqual([B, B, A]);
  });

  it('is the younger of two rows of one network, as in compile', () => {
    const nics: readonly Nic[] = [
      { nic: 'old', vni: A, ips: ['10.0.0.1'], position: 9 },
      { nic: 'young', vni: A, ips: ['10.0.0.1'], position: 10 },
    ];
    expect(visibleFrom(rows(nics, []), A, '10.0.0.1').used?.nic).toBe('young');
  });

  it('leaves rows aside that it does not understand: one bad peer blocks no other', () => {
    const tables = tablesOf([one(A, '10.0.0.1')], both(['10.0.0.0/24']));
    tables.get('peerings.201')?.set('202', { vni: 'many' } as never);
    tables.get('endpoints.200')?.set('bad', { ips: 1 } as never);
    expect(visibleFrom(new TableRows(tables), B, '10.0.0.1').used?.vni).toBe(A);
    expect(visibleFrom(rows([one(A, '10.0.0.1')], both(['nonsense', '10.0.0.0/24'])), B, '10.0.0.1').used?.vni).toBe(A);
  });

  it('A-6: is exactly who belongs to a network that exposes the whole of it, in any order of rows', () => {
    const vni = fc.constantFrom(A, B, C);
    const ip = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.1', '10.1.0.1');
    const prefix = fc.constantFrom('10.0.0.0/24', '10.0.0.0/31', '10.0.0.0/16', '10.0.1.1/32', '10.1.0.0/16', '0.0.0.0/0');
    const peering = fc.record({ of: vni, to: vni, prefixes: fc.option(fc.array(prefix, { maxLength: 3 }), { nil: undefined }) });
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(vni, ip), { selector: ([v, i]) => `${v} ${i}`, maxLength: 8 }),
        fc.uniqueArray(peering, { selector: ({ of, to }) => `${of} ${to}`, maxLength: 6 }),
        vni,
        ip,
        (held, all, from, address) => {
          const peerings = all.filter(({ of, to }) => of !== to).map(({ of, to, prefixes }) => ({ of, to, ...(prefixes && { prefixes }) }));
          const nics = held.map(([v, i]) => one(v, i));
          const seen = visibleFrom(rows(nics, peerings), from, address);
          const visible = [seen.used, ...seen.shadowed].flatMap((each) => each?.vni ?? []);
          const exposes = ({ prefixes }: Peering) =>
            prefixes === undefined ||
            prefixes.some((each) => holdsRange(rangeOf(parsePrefix(each) as IpPrefix), rangeOf(parsePrefix(`${address}/32`) as IpPrefix)));
          const expected = [A, B, C].filter((v) => {
            const has = held.some(([w, i]) => v === w && i === address);
            return has && (v === from || peerings.some((each) => each.of === v && each.to === from && exposes(each)));
          });
          expect([...visible].sort()).toEqual(expected);
          if (expected.includes(from)) expect(visible[0]).toBe(from);
          const other = visibleFrom(rows([...nics].reverse(), [...peerings].reverse()), from, address);
          expect(other).toEqual(seen);
        },
      ),
      { numRuns: 500 },
    );
  });
});
