import fc from 'fast-check';
import type { EndpointRow, HostRow, PlacementRow, Row, TableName } from '../rows/rows.ts';
import { createEvaluator, evaluate, type FabricModel, type Packet, type Verdict } from './evaluate.ts';

type Nic = Readonly<{ uid: string; host: string; vni: number; ips: readonly string[]; held?: boolean }>;

/** Tables as the projection gives them for these hosts and NICs. */
function model(hosts: readonly string[], nics: readonly Nic[], isUp?: (row: PlacementRow) => boolean): FabricModel {
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
  });
  return { tables, ...(isUp === undefined ? {} : { isUp }) };
}

const red: Nic = { uid: 'red-1', host: 'a', vni: 200, ips: ['10.0.0.1', 'fd10::1'] };
const near: Nic = { uid: 'red-2', host: 'a', vni: 200, ips: ['10.0.0.2'] };
const far: Nic = { uid: 'red-3', host: 'b', vni: 200, ips: ['10.0.0.3', 'fd10::3'] };
const blue: Nic = { uid: 'blue-3', host: 'b', vni: 201, ips: ['10.0.0.3', '10.0.0.9'] };
const world = model(['a', 'b', 'c'], [red, near, far, blue]);
const path = (verdict: Verdict) => verdict.steps.map(({ at, host }) => `${at}@${host}`).join(' ');
const outcome = (verdict: Verdict) =>
  verdict.outcome === 'delivered' ? verdict.to : verdict.outcome === 'dropped' ? verdict.reason : verdict.outcome;
const from1 = (dst: string, more: Partial<Packet> = {}): Packet => ({
  from: 'red-1',
  src: dst.includes(':') ? 'fd10::1' : '10.0.0.1',
  dst,
  ...more,
});

describe('the packet evaluator', () => {
  it('delivers on the same host without a tunnel', () => {
    const verdict = evaluate(world, from1('10.0.0.2'));
    expect(outcome(verdict)).toBe('red-2');
    expect(path(verdict)).toBe('guest@a anti-spoof@a route@a deliver@a');
  });

  it.each(['10.0.0.3', 'fd10::3', 'FD10:0::3'])('delivers to %s on another host through the tunnel of its network', (dst) => {
    const verdict = evaluate(world, from1(dst));
    expect(outcome(verdict)).toBe('red-3');
    expect(path(verdict)).toBe('guest@a anti-spoof@a route@a tunnel@a guard@b reverse-path@b route@b deliver@b');
  });

  it('names the row behind each step', () => {
    const { steps } = evaluate(world, from1('10.0.0.3'));
    expect(steps.map(({ at, position }) => [at, position])).toEqual([
      ['guest', '100'],
      ['anti-spoof', '100'],
      ['route', '102'],
      ['tunnel', '2'],
      ['guard', '1'],
      ['reverse-path', '100'],
      ['route', '102'],
      ['deliver', '102'],
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
    ['its way to the router', 'gateway', from1('169.254.0.1')],
    ['its way to the IPv6 router', 'gateway', from1('fe80::1')],
  ])('allows %s', (_, expected, packet) => {
    expect(outcome(evaluate(world, packet))).toBe(expected);
  });

  it('drops while either link is held back', () => {
    const held = (nic: string) => model(['a', 'b', 'c'], [red, near, far, blue], (row) => row.nic !== nic);
    expect(outcome(evaluate(held('red-1'), from1('10.0.0.2')))).toBe('LinkDown');
    expect(outcome(evaluate(held('red-2'), from1('10.0.0.2')))).toBe('LinkDown');
    expect(outcome(evaluate(held('red-3'), from1('10.0.0.3')))).toBe('LinkDown');
  });

  it('drops at the receiver while that host does not hold the network yet', () => {
    const verdict = evaluate(model(['a', 'b'], [red, { ...far, held: false }]), from1('10.0.0.3'));
    expect(outcome(verdict)).toBe('NoRouter');
    expect(verdict.steps.at(-1)?.host).toBe('b');
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
        const verdict = createEvaluator(model(['a', 'b', 'c'], nics)).evaluate({ from: sender.uid, src, dst });
        const target = nics.find((nic) => nic.vni === sender.vni && nic.ips[0] === dst);
        const expected = src.includes(':') !== dst.includes(':') ? 'Malformed' : (target?.uid ?? 'NoRoute');
        expect(outcome(verdict)).toBe(expected);
      }),
      { numRuns: 300 },
    );
  });
});
