/** The child process and the tools are two ways to do the same: what they leave in a kernel, and what they say of refusals, is compared. */
import { readFileSync } from 'node:fs';
import { systemClock } from '@weft/api';
import { must, Netlab, whyNoNetlab } from '@weft/testing';
import type { KernelAccess, LineFault } from '../kernel-access.ts';
import { toolAccess } from '../tool-access.ts';
import { nativeAccess } from './native-access.ts';
import { FDB, LINES, REFUSED } from './testing/lines.ts';

const unfit = whyNoNetlab();
const describeHere = unfit === undefined ? describe : describe.skip;

describeHere(`The child process as a way to the kernel${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  let lab: Netlab;
  let access: KernelAccess;
  let tools: KernelAccess;
  const make = (): KernelAccess => {
    const unusable = new Proxy({} as KernelAccess, {
      get: (_, name) => () => {
        throw new Error(`${String(name)} was left to the tools`);
      },
    });
    return nativeAccess({ ...unusable, forget: async () => {}, close: async () => {} }, { callMsMax: 20_000, timers: systemClock });
  };
  beforeAll(async () => {
    lab = await Netlab.create({ hosts: 1 });
    access = make();
    tools = toolAccess();
  });
  afterAll(async () => {
    await Promise.all([access?.close(), tools?.close()]);
    await lab?.close();
  });

  /** Everything that lines can change, without what two namespaces never share. */
  async function state(netns: string) {
    const queries = ['link', 'addr', 'neigh', '-4 route show table all', '-6 route show table all'];
    const dumps = queries.map(async (query) => JSON.parse((await must(netns, ['ip', '-j', '-d', ...query.split(' ')])) || '[]'));
    const text = JSON.stringify(await Promise.all(dumps), (key, value) =>
      ['ifindex', 'link_index', 'link_netnsid', 'used', 'address', 'permaddr', 'broadcast'].includes(key) && value !== undefined
        ? undefined
        : value,
    );
    return JSON.parse(text) as unknown;
  }

  it('leaves the same in the kernel, and refuses the same', async () => {
    const outcome = async (by: KernelAccess, name: string) => {
      const [place, guest] = [await lab.namespace(`${name}-router`), await lab.namespace(`${name}-guest`)];
      await must(place, ['ip', 'link', 'add', 'vx', 'type', 'vxlan', 'id', '7', 'dstport', '4789', 'local', 'fd00::9', 'nolearning']);
      const faults: LineFault[] = [
        ...(await by.ip(
          place,
          LINES.map((line) => line.replace('GUEST', guest)),
        )),
      ];
      const refused = await by.ip(place, REFUSED);
      faults.push(...(await by.bridge(place, FDB)));
      faults.push(...(await by.ipOnce(guest, [['net/ipv6/conf/eth0/accept_ra', '0']], ['link set lo up', 'link set eth0 up'])));
      const fdb = await must(place, ['bridge', 'fdb', 'show', 'dev', 'vx']);
      const sysctl = await must(guest, ['cat', '/proc/sys/net/ipv6/conf/eth0/accept_ra']);
      return { faults, refused, fdb, sysctl, router: await state(place), guest: await state(guest) };
    };
    const [one, other] = [await outcome(access, 'child'), await outcome(tools, 'tools')];
    expect(one.faults).toEqual([]);
    expect(one.refused.map(({ line }) => line)).toEqual(REFUSED.map((_, line) => line));
    expect({ ...one, refused: [] }).toEqual({ ...other, refused: [] });
    const reason = ({ detail }: LineFault) =>
      /Cannot find device "\w+"|File exists|No such \w+|Cannot assign requested address/.exec(detail)?.[0];
    expect(one.refused.map(reason)).toEqual([
      'File exists',
      'No such process',
      'Cannot find device "nope"',
      'No such file',
      'Cannot assign requested address',
      'File exists',
      'Cannot find device "nope"',
    ]);
    for (const [at, fault] of other.refused.entries()) expect([at, reason(fault) ?? fault.detail]).toEqual([at, expect.any(String)]);
  });

  it('names a guest that is not there, and goes on', async () => {
    const place = await lab.namespace('nobody');
    const lines = ['link add x type veth peer name y netns weft-nonesuch', 'route add blackhole 192.0.2.4'];
    expect(await access.ip(place, lines)).toEqual([{ line: 0, detail: expect.stringContaining('Invalid "netns" value') }]);
    expect(await must(place, ['ip', 'route'])).toContain('192.0.2.4');
  });

  it('numbers what fails among very many lines', async () => {
    const place = await lab.namespace('many');
    const lines = Array.from({ length: 5_000 }, (_, n) => `route add blackhole 10.0.${n >> 8}.${n & 255}/32 proto 200`);
    lines[1_500] = lines[0]!;
    lines[4_999] = 'link set nope up';
    expect(await access.ip(place, lines)).toEqual([
      { line: 1_500, detail: expect.stringContaining('File exists') },
      { line: 4_999, detail: 'Cannot find device "nope"' },
    ]);
    expect((await must(place, ['ip', 'route'])).match(/blackhole/g)).toHaveLength(4_998);
  });

  it('commits a transaction or nothing of it, and says why', async () => {
    const place = await lab.namespace('nft');
    expect(await access.nft(place, 'add table inet t; add set inet t s { type ipv4_addr; }')).toBeUndefined();
    expect(await access.nft(place, 'add element inet t s { 192.0.2.1 }; delete element inet t s { 192.0.2.2 }')).toMatch(/No such file/);
    expect(await access.nft(place, 'nonsense')).toMatch(/syntax error/);
    await must(place, ['nft', 'add', 'set', 'inet', 't', 'later', '{ type ipv4_addr; }']); // By somebody else, behind its back.
    expect(await access.nft(place, 'add element inet t s { 192.0.2.3 }; add element inet t later { 192.0.2.4 }')).toBeUndefined();
    const listed = await must(place, ['nft', 'list', 'table', 'inet', 't']);
    expect(['192.0.2.1', '192.0.2.3', '192.0.2.4'].map((each) => listed.includes(each))).toEqual([false, true, true]);
  });

  it('enters the new namespace when one was replaced under its name', async () => {
    const name = await lab.namespace('replaced');
    await access.ip(name, ['link set lo up']);
    await access.nft(name, 'add table inet t');
    await must(undefined, ['ip', 'netns', 'del', name]);
    await must(undefined, ['ip', 'netns', 'add', name]);
    expect(await access.ip(name, ['route add blackhole 192.0.2.77'])).toEqual([]);
    expect(await access.nft(name, 'add table inet other')).toBeUndefined();
    expect(await must(name, ['ip', 'route'])).toContain('192.0.2.77');
    expect(await must(name, ['nft', 'list', 'tables'])).toBe('table inet other\n');
  });

  it('answers what was under way when it is killed, and is there again', async () => {
    const place = await lab.namespace('killed');
    const mine = make();
    try {
      await mine.ip(place, ['link set lo up']);
      const lines = Array.from({ length: 20_000 }, (_, n) => `route add blackhole 10.0.${n >> 8}.${n & 255}/32 proto 200`);
      const running = mine.ip(place, lines);
      const killer = childrenOfThis();
      for (const pid of killer) process.kill(pid, 'SIGKILL');
      const faults = await running.catch((error: unknown) => error);
      expect(faults).toEqual(
        expect.arrayContaining([{ line: expect.any(Number), detail: expect.stringContaining('kernel helper ended (SIGKILL)') }]),
      );
      expect(await mine.ip(place, ['route replace blackhole 203.0.113.1/32 proto 200'])).toEqual([]);
    } finally {
      await mine.close();
    }
  });
});

/** Those that run the program, of this process. */
function childrenOfThis(): readonly number[] {
  const children = readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ').map(Number);
  return children.filter((pid) => readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('native-kernel'));
}
