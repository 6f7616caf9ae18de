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
      await fabric.create(`${FABRIC}/hosts`, { metadata: { name: host }, spec: { underlay: { ip: `2001:db8::${i + 1}` } } });
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
      '  first difference: host b, network default/net: the model brings it here, and it was not seen; the last that was seen: host a',
    ]);
    await fabric.create(`${NETWORKING}/networkpolicies`, {
      metadata: { name: 'closed' },
      spec: { networkRef: { name: 'net' }, networkInterfaceSelector: { matchLabels: { app: 'db' } }, policyTypes: ['Ingress'] },
    });
    onItsWay();
    const other = await traced();
    expect([other.code, other.live.at(-1)]).toEqual([
      1,
      '  first difference: host b, network default/net: it came out towards a guest, and the model says PolicyIngress',
    ]);
    await fetch(`${fabric.url}${NETWORKING}/networkpolicies/closed`, { method: 'DELETE' });
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
      expect([code, said]).toEqual([0, expect.stringMatching(why)]);
      expect(said).toMatch(/live: no probe was sent/);
      expect(asked.filter((each) => each.includes('send'))).toEqual([]);
    }
    await stop();
  });

  it('refuses what is no live probe', async () => {
    for (const [words, why] of [
      [['internet', 'udp', '10.0.0.9:53', '--live'], /a live probe is sent from an interface/],
      [['nic/web', 'udp', '10.0.0.9', '--live'], /a live probe goes to a port/],
      [['nic/web', 'udp', '10.0.0.9:53', '--live', '--applied'], /live is about now/],
    ] as const)
      expect((await fabric.weft('trace', ...words)).complained).toMatch(why);
    const url = `${fabric.url}/weft/v1/trace?from=nic/web&to=10.0.0.9:53&protocol=udp&live=true`;
    expect((await fetch(url)).status).toBe(400);
  });
});
