import fc from 'fast-check';
import { type RowTables, TableRows } from '../rows/row-index.ts';
import type { BalancerRow, EndpointRow, HostRow, MemberRow, PlacementRow, Row, TableName, TargetRow } from '../rows/rows.ts';
import { evaluate } from './evaluate.ts';
import type { Packet, Path } from './packet.ts';
import type { FabricModel } from './walk.ts';

type Nic = Readonly<{ uid: string; host: string; vni: number; ips: readonly string[]; held?: boolean }>;

/** Tables as the projection gives them for these hosts and NICs. */
function tablesOf(hosts: readonly string[], nics: readonly Nic[]) {
  const tables = new Map<TableName, Map<string, Row>>();
  const put = (table: TableName, key: string, row: Row): void => {
    tables.set(table, (tables.get(table) ?? new Map<string, Row>()).set(key, row));
  };
  hosts.forEach((host, i) => {
    put('hosts', host, { host, index: i + 1, underlay: `fd00::${i + 1}`, position: `${i + 1}`, because: [] } satisfies HostRow);
  });
  nics.forEach(({ uid, host, vni, ips, held = true }, i) => {
    const common = { nic: uid, mac: `02:00:00:00:00:0${i}`, ips: [...ips], position: `${100 + i}`, because: [] };
    put(`endpoints.${vni}`, uid, { ...common, host } satisfies EndpointRow);
    const placement: PlacementRow = { ...common, namespace: 'default', name: uid, network: `${vni}`, vni, placedAt: '50', heldAt: '51' };
    if (held) put(`placements.${host}`, uid, placement);
    const member = {
      kind: 'NetworkInterface',
      uid,
      name: uid,
      prefixes: [],
      targets: [],
      groups: [],
      position: '9',
      because: [],
    } satisfies MemberRow;
    put(`policies.${vni}`, `member/${uid}`, member);
  });
  return tables;
}

function model(hosts: readonly string[], nics: readonly Nic[], isUp?: (row: PlacementRow) => boolean): FabricModel {
  return { rows: new TableRows(tablesOf(hosts, nics)), ...(isUp === undefined ? {} : { isUp }) };
}

const red: Nic = { uid: 'red-1', host: 'a', vni: 200, ips: ['10.0.0.1', 'fd10::1'] };
const near: Nic = { uid: 'red-2', host: 'a', vni: 200, ips: ['10.0.0.2'] };
const far: Nic = { uid: 'red-3', host: 'b', vni: 200, ips: ['10.0.0.3', 'fd10::3'] };
const blue: Nic = { uid: 'blue-3', host: 'b', vni: 201, ips: ['10.0.0.3', '10.0.0.9'] };
const world = model(['a', 'b', 'c'], [red, near, far, blue]);
const evaluated = (of: FabricModel, packet: Packet): Path => {
  const { paths } = evaluate(of, packet);
  expect(paths.map(({ share }) => share)).toEqual([1]);
  return paths[0]!;
};
const path = (verdict: Path) => verdict.steps.map(({ at, host }) => `${at}@${host}`).join(' ');
const outcome = (verdict: Path) =>
  verdict.outcome === 'delivered' ? verdict.to : verdict.outcome === 'dropped' ? verdict.reason : verdict.outcome;
const from1 = (dst: string, more: Partial<Packet> = {}): Packet => ({
  from: 'red-1',
  protocol: 'UDP',
  src: dst.includes(':') ? 'fd10::1' : '10.0.0.1',
  dst,
  ...more,
});

describe('the packet evaluator', () => {
  it('delivers on the same host without a tunnel', () => {
    const verdict = evaluated(world, from1('10.0.0.2'));
    expect(outcome(verdict)).toBe('red-2');
    expect(path(verdict)).toBe('guest@a anti-spoof@a route@a policy egress@a policy ingress@a deliver@a');
  });

  it.each(['10.0.0.3', 'fd10::3', 'FD10:0::3'])('delivers to %s on another host through the tunnel of its network', (dst) => {
    const verdict = evaluated(world, from1(dst));
    expect(outcome(verdict)).toBe('red-3');
    expect(path(verdict)).toBe('guest@a anti-spoof@a route@a policy egress@a tunnel@a guard@b reverse-path@b policy ingress@b deliver@b');
  });

  it('names the row behind each step', () => {
    const { steps } = evaluated(world, from1('10.0.0.3'));
    expect(steps.map(({ at, rows }) => [at, ...rows.map(({ table, key, row }) => `${table} ${key} ${row.position}`)])).toEqual([
      ['guest', 'placements.a red-1 100'],
      ['anti-spoof', 'placements.a red-1 100'],
      ['route', 'endpoints.200 red-3 102'],
      ['policy egress', 'policies.200 member/red-1 9'],
      ['tunnel', 'hosts b 2'],
      ['guard', 'hosts a 1'],
      ['reverse-path', 'endpoints.200 red-1 100'],
      ['policy ingress', 'policies.200 member/red-3 9'],
      ['deliver', 'placements.b red-3 102'],
    ]);
  });

  it.each<[string, string, Packet]>([
    ['nothing between two networks (P-27)', 'NoRoute', from1('10.0.0.9')],
    ['no address that nobody has (P-24)', 'NoRoute', from1('10.9.9.9')],
    ['no foreign source (P-97)', 'SourceNotOwned', from1('10.0.0.2', { src: '10.0.0.7' })],
    ['no foreign IPv6 source (P-97)', 'SourceNotOwned', from1('fd10::3', { src: 'fd10::9' })],
    ['no foreign MAC', 'SourceNotOwned', from1('10.0.0.2', { mac: '02:00:00:00:00:99' })],
    ['nothing that mixes families', 'Malformed', from1('10.0.0.2', { src: 'fd10::1' })],
    ['nothing that is no address', 'Malformed', from1('10.2')],
    ['nothing from a NIC that is nowhere', 'NotPlaced', from1('10.0.0.2', { from: 'gone' })],
    ['nothing on its last hop', 'HopLimitExceeded', from1('10.0.0.2', { hopLimit: 1 })],
    ['nothing that ends between the routers', 'HopLimitExceeded', from1('10.0.0.3', { hopLimit: 2 })],
    ['its way to the router', 'answered', from1('169.254.0.1')],
    ['its way to the IPv6 router', 'answered', from1('fe80::1')],
  ])('allows %s', (_, expected, packet) => {
    expect(outcome(evaluated(world, packet))).toBe(expected);
  });

  it('drops while either link is held back', () => {
    const held = (nic: string) => model(['a', 'b', 'c'], [red, near, far, blue], (row) => row.nic !== nic);
    expect(outcome(evaluated(held('red-1'), from1('10.0.0.2')))).toBe('LinkDown');
    expect(outcome(evaluated(held('red-2'), from1('10.0.0.2')))).toBe('LinkDown');
    expect(outcome(evaluated(held('red-3'), from1('10.0.0.3')))).toBe('LinkDown');
  });

  it('drops at the receiver while that host does not hold the network yet', () => {
    const verdict = evaluated(model(['a', 'b'], [red, { ...far, held: false }]), from1('10.0.0.3'));
    expect(outcome(verdict)).toBe('NoRouter');
    expect(verdict.steps.at(-1)?.host).toBe('b');
  });

  it('tells so many targets of a balancer at most, those with the largest shares', () => {
    const far = (i: number): Nic => ({ uid: `t${i}`, host: 'b', vni: 200, ips: [`10.1.${i >> 8}.${i & 255}`] });
    const targets = Array.from({ length: 300 }, (_, i) => far(i));
    const common = { position: '5', because: [] };
    const balancer: BalancerRow = {
      ...common,
      balancer: 'lb',
      namespace: 'ns',
      name: 'lb',
      vni: 200,
      scheme: 'Internal',
      ips: ['10.0.0.80'],
      ports: [],
    };
    const of = targets.map(({ uid, ips }): [string, TargetRow] => [
      `lb/${uid}`,
      { ...common, balancer: 'lb', target: uid, name: uid, ips: [...ips] },
    ]);
    const rows: RowTables = new Map([
      ...tablesOf(['a', 'b'], [red, ...targets]),
      ['balancers.200', new Map([['lb', balancer]])],
      ['targets.200', new Map(of)],
    ]);
    const { paths } = evaluate({ rows: new TableRows(rows) }, { from: 'red-1', protocol: 'TCP', dst: '10.0.0.80', dstPort: 80 });
    const shares = paths.map(({ share }) => share);
    expect([paths.length, [...shares].sort((a, b) => b - a)]).toEqual([128, shares]);
    expect(shares.reduce((sum, share) => sum + share)).toBeLessThan(0.6);
  });

  it('delivers exactly between NICs of one network, on random fabrics', () => {
    const addresses = ['10.0.0.1', '10.0.0.2', '10.0.0.3', 'fd10::1', 'fd10::2'];
    const fabric = fc
      .uniqueArray(
        fc.record({ host: fc.constantFrom('a', 'b', 'c'), vni: fc.constantFrom(200, 201), ip: fc.constantFrom(...addresses) }),
        // An address has one holder in its network.
        { minLength: 1, maxLength: 10, selector: ({ vni, ip }) => `${vni} ${ip}` },
      )
      .map((nics) => nics.map(({ host, vni, ip }, i): Nic => ({ uid: `nic-${i}`, host, vni, ips: [ip] })));
    fc.assert(
      fc.property(fabric, fc.nat(9), fc.constantFrom(...addresses), (nics, n, dst) => {
        const sender = nics[n % nics.length]!;
        const src = sender.ips[0]!;
        const verdict = evaluated(model(['a', 'b', 'c'], nics), { from: sender.uid, protocol: 'UDP', src, dst });
        const target = nics.find((nic) => nic.vni === sender.vni && nic.ips[0] === dst);
        const expected = src.includes(':') !== dst.includes(':') ? 'Malformed' : (target?.uid ?? 'NoRoute');
        expect(outcome(verdict)).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});
