/** `weft trace --live` against a gateway and agents that say what the test has them see. What real kernels see: live-probe.net.spec.ts of `@weft/linux`. */
import type { JsonObject } from '@weft/api';
import { decodeJsonObject, encodeJson, subjects } from '@weft/bus';
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';

const FABRIC = '/apis/fabric.weft.dev/v1alpha1';
const VNI = 200;
const hop = (device: string, leaves: boolean, nic?: string) => ({
  vni: VNI,
  device,
  leaves,
  src: '10.0.0.1',
  dst: '10.0.0.9',
  ...(nic && { nic }),
});
type Seen = Readonly<{ hops: readonly object[]; stopped: readonly object[] }>;
const NOTHING: Seen = { hops: [], stopped: [] };

describe('weft trace --live', () => {
  let fabric: Fabric;
  const asked: string[] = [];
  const seen = new Map<string, Seen>();
  let nics: Readonly<{ web: string; db: string }>;

  beforeAll(async () => {
    fabric = await startFabric();
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'net' }, spec: {} });
    for (const [i, host] of ['a', 'b'].entries()) {
      const spec = { underlay: { ip: `2001:db8::${i + 1}` }, ...(host === 'a' && { roles: ['Compute', 'Edge'] }) };
      await fabric.create(`${FABRIC}/hosts`, { metadata: { name: host }, spec });
      fabric.bus.serve(subjects.agent(host, 'live'), ({ data }) => {
        const { op, id: _, ...rest } = decodeJsonObject(data, 'a probe') as JsonObject;
        asked.push([host, op, op === 'open' || op === 'send' ? JSON.stringify(rest) : ''].join(' ').trimEnd());
        return encodeJson(op === 'look' ? (seen.get(host) ?? NOTHING) : {});
      });
    }
    await fabric.attach('net', 'web', 'a', '10.0.0.1');
    await fabric.attach('net', 'db', 'b', '10.0.0.9');
    await fabric.once('/weft/v1/trace?from=nic/web&to=10.0.0.9:22', ({ verdict }) => verdict === 'delivered');
    const uidOf = async (name: string) => {
      const { metadata } = (await (await fetch(`${fabric.url}${NETWORKING}/networkinterfaces/${name}`)).json()) as {
        metadata: { uid: string };
      };
      return metadata.uid;
    };
    nics = { web: await uidOf('web'), db: await uidOf('db') };
  });
  afterAll(() => fabric.stop());
  beforeEach(() => {
    asked.splice(0);
    seen.clear();
  });

  const onItsWay = () => {
    seen.set('a', { hops: [hop('gweb', false, nics.web), hop('vx', true)], stopped: [] });
    seen.set('b', { hops: [hop('vx', false)], stopped: [{ vni: VNI, device: 'gdb', nic: nics.db }] });
  };
  const traced = async (...words: string[]) => {
    const { code, said, complained } = await fabric.weft('trace', 'nic/web', 'udp', '10.0.0.9:53', '--live', ...words);
    return { code, complained, live: said.slice(said.indexOf('live: ')).trimEnd().split('\n') };
  };

  it('says what the probe has met, and that kernels do as the model says', async () => {
    onItsWay();
    expect(await traced()).toEqual({
      code: 0,
      complained: '',
      live: [
        'live: kernels do the same; the probe was kept back before NetworkInterface default/db',
        '  a  default/net in by gweb: 10.0.0.1 to 10.0.0.9',
        '  a  default/net out by vx: 10.0.0.1 to 10.0.0.9',
        '  b  default/net in by vx: 10.0.0.1 to 10.0.0.9',
      ],
    });
    const open = JSON.stringify({ vnis: [VNI], protocol: 'UDP', delivers: false });
    expect(asked.slice(0, 2).sort()).toEqual([`a open ${open}`, `b open ${open}`]);
    expect(asked[2]).toMatch(
      /^a send .*"nic":"[^"]+","header":\{"protocol":"UDP","src":"10.0.0.1","dst":"10.0.0.9","srcPort":\d+,"dstPort":53\}/,
    );
    expect(asked.slice(-2).sort()).toEqual(['a end', 'b end']);
  });

  it('names the first place where kernels do something else', async () => {
    seen.set('a', { hops: [hop('gweb', false, nics.web), hop('vx', true)], stopped: [] });
    const { code, live } = await traced();
    expect([code, live[0], live.at(-1)]).toEqual([
      1,
      'live: KERNELS DO SOMETHING ELSE; the probe was not seen any more after that',
      '  first difference: host b, network default/net: the model brings it here, and it was not seen; the last that was seen: host a, network default/net',
    ]);
    await fabric.create(`${NETWORKING}/networkpolicies`, {
      metadata: { name: 'closed' },
      spec: { networkRef: { name: 'net' }, networkInterfaceSelector: { matchLabels: { app: 'db' } }, policyTypes: ['Ingress'] },
    });
    onItsWay();
    const other = await traced();
    expect([other.code, other.live.at(-1)]).toEqual([
      1,
      '  first difference: host b, network default/net: it came out towards a guest on host b, and the model says PolicyIngress',
    ]);
    await fetch(`${fabric.url}${NETWORKING}/networkpolicies/closed`, { method: 'DELETE' });
  });

  it('from and to the internet is watched on the public side of hosts, too', async () => {
    await fabric.create(`${NETWORKING}/virtualips`, { metadata: { name: 'db' }, spec: { type: 'Public', ipFamily: 'IPv4' } });
    await fetch(`${fabric.url}${NETWORKING}/networkinterfaces/db`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/merge-patch+json' },
      body: JSON.stringify({ spec: { virtualIP: { virtualIPRef: { name: 'db' } } } }),
    });
    const asking = '/weft/v1/trace?protocol=udp&from=internet:198.51.100.9&to=203.0.113.0:53';
    await fabric.once(asking, ({ verdict }) => verdict === 'delivered');
    const [outside, inside] = [
      { src: '198.51.100.9', dst: '203.0.113.0' },
      { src: '203.0.113.0', dst: '198.51.100.9' },
    ];
    const at = (vni: number, device: string, leaves: boolean, ends: object) => ({ vni, device, leaves, ...ends });
    const live = async (from: string, to: string) => {
      asked.splice(0);
      const { code, said, complained } = await fabric.weft('trace', from, 'udp', to, '--live');
      return { code, complained, live: said.slice(said.indexOf('live: ')).trimEnd().split('\n') };
    };
    const arriving = [at(1, 'uplink', false, outside), at(1, 'vx', true, outside)];
    seen.set('a', { hops: arriving, stopped: [] });
    const arrived = [at(VNI, 'q1', false, outside), at(1, 'vx', false, outside), at(1, 'q200', true, outside)];
    seen.set('b', { hops: arrived, stopped: [{ vni: VNI, device: 'gdb', nic: nics.db }] });
    expect(await live('internet:198.51.100.9', 'virtualip/db:53')).toEqual({
      code: 0,
      complained: '',
      live: [
        'live: kernels do the same; the probe was kept back before NetworkInterface default/db',
        '  a  the public side in by uplink: 198.51.100.9 to 203.0.113.0',
        '  a  the public side out by vx: 198.51.100.9 to 203.0.113.0',
        '  b  the public side in by vx: 198.51.100.9 to 203.0.113.0',
        '  b  the public side out by q200: 198.51.100.9 to 203.0.113.0',
        '  b  default/net in by q1: 198.51.100.9 to 203.0.113.0',
      ],
    });
    expect(asked[2]).toMatch(/^a send \{"header":\{"protocol":"UDP","src":"198.51.100.9","dst":"203.0.113.0"/);
    seen.set('b', { hops: [at(VNI, 'gdb', false, inside), at(VNI, 'q1', true, inside), at(1, 'vx', true, inside)], stopped: [] });
    seen.set('a', { hops: [at(1, 'vx', false, inside)], stopped: [{ vni: 1, device: 'uplink' }] });
    expect((await live('nic/db', '198.51.100.9:53')).live[0]).toBe(
      'live: kernels do the same; the probe was kept back before the internet',
    );
    seen.set('a', { hops: [at(1, 'vx', false, inside)], stopped: [] });
    expect((await live('nic/db', '198.51.100.9:53')).live.at(-1)).toBe(
      '  first difference: host a, the public side: the model lets it leave for the internet here, and it did not',
    );
  });

  it('sends nothing where a host on the way cannot be watched, and says which', async () => {
    await fabric.create(`${FABRIC}/hosts`, { metadata: { name: 'c' }, spec: { underlay: { ip: '2001:db8::3' } } });
    const { stop } = await fabric.startAgent('d', '2001:db8::4');
    await fabric.attach('net', 'far', 'c', '10.0.0.3');
    await fabric.attach('net', 'near', 'd', '10.0.0.4');
    await fabric.once('/weft/v1/trace?from=nic/web&to=10.0.0.3:22', ({ verdict }) => verdict === 'delivered');
    await fabric.once('/weft/v1/trace?from=nic/web&to=10.0.0.4:22', ({ verdict }) => verdict === 'delivered');
    for (const [ip, why] of [
      ['10.0.0.3', /live: host c was not watched: its agent does not answer/],
      ['10.0.0.4', /live: host d was not watched: its dataplane is simulated/],
    ] as const) {
      asked.splice(0);
      const { code, said } = await fabric.weft('trace', 'nic/web', 'udp', `${ip}:53`, '--live');
      expect([code, said]).toEqual([2, expect.stringMatching(why)]);
      expect(said).toMatch(/live: no probe was sent/);
      expect(asked.filter((each) => each.includes('send'))).toEqual([]);
    }
    await stop();
  });

  it('from the internet is not sent where there is no edge, or no such packet, and it is said which', async () => {
    const live = async (from: string) => (await fabric.weft('trace', from, 'udp', '203.0.113.0:53', '--live')).said;
    expect(await live('internet:2001:db8::9')).toMatch(
      /live: 2001:db8::9 to 203.0.113.0 is no pair of addresses of one family\nlive: no probe/,
    );
    const roles = async (...wanted: string[]) => {
      const body = JSON.stringify({ spec: { roles: wanted } });
      const headers = { 'content-type': 'application/merge-patch+json' };
      await fetch(`${fabric.url}${FABRIC}/hosts/a`, { method: 'PATCH', headers, body });
    };
    await roles('Compute');
    await fabric.once('/weft/v1/trace?protocol=udp&from=internet:198.51.100.9&to=203.0.113.0:53', ({ reason }) => reason === 'NoEdge');
    expect(await live('internet:198.51.100.9')).toMatch(/live: no host has an uplink for public packets\nlive: no probe was sent/);
    await roles('Compute', 'Edge');
    expect(asked).toEqual([]);
  });

  it('refuses what is no live probe', async () => {
    for (const [words, why] of [
      [['internet', 'udp', '10.0.0.9:53', '--live'], /a live probe comes from somebody: from=internet:<address>/],
      [['nic/web', 'udp', '10.0.0.9', '--live'], /a live probe goes to a port/],
      [['nic/web', 'udp', '10.0.0.9:53', '--live', '--applied'], /live is about now/],
    ] as const)
      expect((await fabric.weft('trace', ...words)).complained).toMatch(why);
    const url = `${fabric.url}/weft/v1/trace?from=nic/web&to=10.0.0.9:53&protocol=udp&live=true`;
    expect((await fetch(url)).status).toBe(400);
  });
});
