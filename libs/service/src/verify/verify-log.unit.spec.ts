import { type Append, registry } from '@weft/api';
import type { RowsOf } from '@weft/fabric';
import { World, WorldAgent } from '@weft/testing';
import { weftDomains } from '../runtime/domains.ts';
import { type VerifyOptions, verifyLog } from './verify-log.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';
const kinds = registry(weftDomains);

function lived(): readonly Append[] {
  const world = new World();
  world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  const agent = new WorldAgent(world, 'host-a', '192.0.2.1');
  agent.register();
  world.create({ apiVersion: NETWORKING, kind: 'Network', metadata: { name: 'net', namespace: 'ns' }, spec: {} });
  const spec = { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }] };
  world.create({ apiVersion: NETWORKING, kind: 'NetworkInterface', metadata: { name: 'nic', namespace: 'ns' }, spec });
  const machine = { machinePoolRef: { name: 'host-a' }, networkInterfaces: [{ name: 's', networkInterfaceRef: { name: 'nic' } }] };
  world.create({ apiVersion: 'compute.ironcore.dev/v1alpha1', kind: 'Machine', metadata: { name: 'm', namespace: 'ns' }, spec: machine });
  agent.report();
  world.settle();
  return world.appends;
}

describe('Verification of a log', () => {
  const log = lived();
  const verified = (more: Partial<VerifyOptions> = {}) =>
    verifyLog({ registry: kinds, pages: [log.slice(0, 5), log.slice(5)], upTo: log.at(-1)?.position ?? 0n, ...more });

  it('finds one that Weft wrote intact and at rest, with what it holds', async () => {
    const positions: bigint[] = [];
    const report = await verified({ onProgress: (position) => positions.push(position) });
    expect(report).toMatchObject({
      found: 0,
      findings: [],
      rowProblems: [],
      owing: 0,
      owed: [],
      appends: log.length,
      position: log.at(-1)?.position,
    });
    expect(report.objects).toMatchObject({ Host: 1, Network: 1, NetworkInterface: 1, Machine: 1, Namespace: 1 });
    expect(report.objects).not.toHaveProperty('VirtualIP');
    expect(report.records).toMatchObject({ 'vni-grants': 1 });
    expect(report.rows).toBe(4); // The host, and the interface as placement, as endpoint, and for policies.
    expect(positions).toEqual([log[4]?.position, log.at(-1)?.position]);
  });

  it('names the loop, the key and the commands of what is owed, and leaves out what came after it had begun', async () => {
    const cut = log.findIndex(({ stream }) => stream.startsWith('VniPool-'));
    const report = await verified({ upTo: log[cut - 1]?.position ?? 0n });
    expect(report).toMatchObject({ appends: cut, found: 0, rowProblems: [] });
    expect(report.owed).toContainEqual({
      loop: 'allocate-vni',
      key: 'ns/net',
      commands: [expect.objectContaining({ target: 'reservation', stream: 'VniPool-.default' })],
    });
    expect(report.owing).toBe(report.owed.length);
  });

  it('asks loops as of the last event, or as of a time that is given', async () => {
    const world = new World({ log });
    for (const name of ['m', 'nic']) {
      const kind = name === 'm' ? 'Machine' : 'NetworkInterface';
      world.send({ verb: 'delete', key: { kind, namespace: 'ns', name } });
    }
    const claim = { type: 'ClaimAddresses', namespace: 'ns', network: 'net', nic: 'lost', uid: 'u', ips: ['10.0.0.7'], fields: ['x'] };
    world.send({ verb: 'reserve', stream: 'AddressBook-ns.net', command: { ...claim, request: 'r', revision: '-1' } });
    const pages = [world.appends];
    const upTo = world.appends.at(-1)?.position ?? 0n;
    const lost = (nowMs?: number) =>
      verified({ pages, upTo, ...(nowMs !== undefined && { nowMs }) }).then(({ owed }) =>
        owed.filter(({ loop }) => loop === 'abandon-claims-network'),
      );
    expect(await lost()).toEqual([]);
    expect(await lost(Date.parse(world.now) + 60_000)).toHaveLength(1);
  });

  it('finds rows that come out differently when they are made anew, and rows that cannot be made', async () => {
    let times = 0;
    const wrong: RowsOf = {
      name: 'wrong',
      version: 1,
      kinds: [],
      declare: ({ map, from }) =>
        map('rows', from.kind('Network'), (key) => {
          times++;
          return [{ table: 'hosts', key, row: { at: String(times) } as never }];
        }),
    };
    expect((await verified({ projections: [wrong] })).rowProblems).toEqual(['row ns/net of table hosts differs when it is made anew']);
    const throwing: RowsOf = {
      ...wrong,
      declare: ({ map, from }) =>
        map('rows', from.kind('Network'), () => {
          throw new Error('no');
        }),
    };
    expect((await verified({ projections: [throwing] })).rowProblems).toEqual(['cannot be made: rows ns/net: no']);
  });
});
