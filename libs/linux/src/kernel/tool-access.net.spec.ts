/** How the kept-open tools behave, which their manuals do not say: refusals, early ends, helpers that go. */
import { must, Netlab, namespaces, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { HOST, type KernelAccess } from './kernel-access.ts';
import { toolAccess } from './tool-access.ts';

const unfit = whyNoNetlab();
const describeHere = unfit === undefined ? describe : describe.skip;

describeHere(`The tools as a way to the kernel${unfit === undefined ? '' : ` (${unfit})`}`, () => {
  let lab: Netlab;
  let access: KernelAccess;
  let place: string;
  beforeAll(async () => {
    lab = await Netlab.create({ hosts: 1 });
    place = await lab.namespace('place');
    access = toolAccess({ hostNetns: lab.hosts[0]!.netns, limits: { helpersMax: 3, idleMs: 300, callMsMax: 5_000 } });
  });
  afterAll(async () => {
    await access?.close();
    await lab?.close();
  });
  const pids = async (netns: string) => (await must(undefined, ['ip', 'netns', 'pids', netns])).trim();

  it('goes on behind a refused line and tells which it was', async () => {
    const faults = await access.ip(place, ['link set lo up', 'bogus', 'link set nope up', 'route add blackhole 192.0.2.1']);
    expect(faults).toEqual([
      { line: 1, detail: expect.stringContaining('"bogus" is unknown') },
      { line: 2, detail: 'Cannot find device "nope"' },
    ]);
    expect(await must(place, ['ip', 'route'])).toContain('blackhole 192.0.2.1');
  });

  it('goes on behind a line that ends the tool', async () => {
    const lines = [
      'neigh del 192.0.2.9 dev lo',
      'route add blackhole 192.0.2.2',
      'neigh del 192.0.2.8 dev lo',
      'route add blackhole 192.0.2.3',
      'link add x type veth peer name y netns nonesuch',
      'route add blackhole 192.0.2.4',
    ];
    for (const run of [() => access.ip(place, lines), () => access.ipOnce(place, [], lines)]) {
      const faults = await run();
      expect(faults.map(({ line }) => line)).toEqual([0, 2, 4]);
      expect(faults[2]?.detail).toContain('Invalid "netns" value');
      const routes = await must(place, ['ip', 'route']);
      for (const each of ['192.0.2.2', '192.0.2.3', '192.0.2.4']) expect(routes).toContain(each);
      for (const each of ['192.0.2.2', '192.0.2.3', '192.0.2.4']) await must(place, ['ip', 'route', 'del', 'blackhole', each]);
    }
  });

  it('commits a transaction or nothing of it, and says why', async () => {
    expect(await access.nft(place, 'add table inet t; add set inet t s { type ipv4_addr; }')).toBeUndefined();
    expect(await access.nft(place, 'add element inet t s { 192.0.2.1 }; delete element inet t s { 192.0.2.2 }')).toMatch(/No such file/);
    expect(await access.nft(place, 'nonsense')).toMatch(/syntax error/);
    expect(await access.nft(place, 'add element inet t s { 192.0.2.3 }')).toBeUndefined();
    const listed = await must(place, ['nft', 'list', 'set', 'inet', 't', 's']);
    expect([listed.includes('192.0.2.1'), listed.includes('192.0.2.3')]).toEqual([false, true]);
  });

  it('answers for many calls at once, in their order', async () => {
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, n) => access.ip(place, [`route add blackhole 198.51.100.${n}`, 'bogus'])),
    );
    expect(answers.every(([fault, ...more]) => fault?.line === 1 && more.length === 0)).toBe(true);
    expect((await must(place, ['ip', 'route'])).match(/198\.51\.100\./g)).toHaveLength(50);
  });

  it('reports a namespace that is not there', async () => {
    expect(await access.ip('weft-none', ['link set lo up'])).toEqual([{ line: 0, detail: expect.stringContaining('cannot open') }]);
    expect(await access.nft('weft-none', 'add table inet t')).toContain('cannot open');
    expect((await access.shell('weft-none', 'true')).code).not.toBe(0);
  });

  it('enters the new namespace when one was replaced under its name', async () => {
    const name = await lab.namespace('replaced');
    await access.ip(name, ['link set lo up']);
    await must(undefined, ['ip', 'netns', 'del', name]);
    await must(undefined, ['ip', 'netns', 'add', name]);
    expect(await access.ip(name, ['route add blackhole 192.0.2.77'])).toEqual([]);
    expect(await must(name, ['ip', 'route'])).toContain('192.0.2.77');
  });

  it('holds no namespace that it made a device in from the host', async () => {
    const name = await lab.namespace('pinned');
    await access.ip(HOST, [`link add p0 type veth peer name p1 netns ${name}`]);
    await must(undefined, ['ip', 'netns', 'del', name]);
    // The other end goes when the namespace does.
    await until('the namespace lives on', async () => !(await must(lab.hosts[0]!.netns, ['ip', 'link'])).includes('p0@'));
  });

  it('keeps few helpers, and none for long', async () => {
    const names = await Promise.all(['k1', 'k2', 'k3', 'k4', 'k5'].map((each) => lab.namespace(each)));
    for (const name of names) await access.ip(name, ['link set lo up']);
    const open = async () => (await Promise.all(names.map(pids))).filter((each) => each !== '').length;
    await until('more helpers than allowed', async () => (await open()) <= 3);
    await until('idle helpers stay', async () => (await open()) === 0);
  });

  it('lets go of a namespace that it is told to forget', async () => {
    const patient = toolAccess({ hostNetns: lab.hosts[0]!.netns }); // The other one may let go by itself meanwhile.
    await patient.ip(place, ['link set lo up']);
    await patient.nft(place, 'add table inet t');
    expect(await pids(place)).not.toBe('');
    await patient.forget(place);
    expect(await pids(place)).toBe('');
    expect(namespaces()).toContain(place);
    await patient.close();
  });
});
