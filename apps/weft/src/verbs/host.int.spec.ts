/** `weft host show` against a gateway and an agent with a simulated kernel. */
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';

type Entry = Readonly<{
  key: string;
  state: string;
  network?: string;
  value: string;
  why?: string;
  resource?: object;
  event?: { type: string };
}>;
type Shown = Readonly<{ total: number; entries: readonly Entry[] }>;

describe('weft host show', () => {
  let fabric: Fabric;
  let agent: Awaited<ReturnType<Fabric['startAgent']>>;
  const shown = async (...words: string[]): Promise<Shown> => {
    const { said, complained } = await fabric.weft('host', 'show', ...words, '-o', 'json');
    expect(complained).toBe('');
    return JSON.parse(said) as Shown;
  };
  const entries = '/weft/v1/hosts/a/entries';

  beforeAll(async () => {
    fabric = await startFabric();
    agent = await fabric.startAgent('a', '2001:db8::1');
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'net' }, spec: {} });
    for (const name of ['web', 'db']) await fabric.attach('net', name, 'a', `10.0.0.${name.length}`);
    await fabric.once(entries, (answer) => {
      const { entries: all } = answer as unknown as Shown;
      const ports = all.filter(({ key }) => key.startsWith('port/'));
      return ports.length === 2 && ports.every(({ value }) => value.endsWith(' up')) && all.every(({ state }) => state === 'programmed');
    });
  });
  afterAll(() => fabric.stop());

  it('tells each entry of the kernel with the resource that it serves, and the event since which it is so', async () => {
    const { total, entries: ports } = await shown('a', '--network', 'net', '--kind', 'port');
    expect(total).toBe(2);
    for (const name of ['web', 'db']) {
      expect(ports.find(({ resource }) => (resource as { name: string }).name === name)).toMatchObject({
        state: 'programmed',
        value: expect.stringContaining(`10.0.0.${name.length}`),
        resource: { kind: 'NetworkInterface', namespace: 'default', name },
        event: { type: expect.stringMatching(/^(NetworkInterface|NetworkHeld|Host)/), position: expect.stringMatching(/^[1-9]/) },
      });
    }
    const [own] = (await shown('a', '--kind', 'policy_own')).entries;
    expect(own?.resource).toEqual({ kind: 'Network', namespace: 'default', name: 'net' });
    const [router] = (await shown('a', '--kind', 'router')).entries;
    expect(router).toMatchObject({ network: 'default/net', event: { type: 'NetworkHeld.v1', resource: { kind: 'Host', name: 'a' } } });
    const { said } = await fabric.weft('host', 'show', 'a', '--kind', 'port');
    expect(said).toMatch(
      /^a: 2 entries\n {2}port\/\S+ {2}\S+ 10\.0\.0\.\d in weftguest-\S+ up\n {8}for NetworkInterface default\/\w+\n {8}since \w+\.v1 by \S+( for \S+)? at /,
    );
  });

  it('shows in pieces what is much, and how much it is', async () => {
    const all = await shown('a');
    const [first, rest] = [await shown('a', '--limit', '2'), await shown('a', '--skip', '2')];
    expect([first.total, first.entries.length, rest.entries.length]).toEqual([all.total, 2, all.total - 2]);
    expect([...first.entries, ...rest.entries]).toEqual(all.entries);
  });

  it('says what the kernel refuses, and why', async () => {
    const refused = ({ total }: Record<string, never>): boolean => total === 1;
    const allow = agent.kernel.refuse('guard/2001:db8::2', 'no memory');
    await fabric.create('/apis/fabric.weft.dev/v1alpha1/hosts', { metadata: { name: 'b' }, spec: { underlay: { ip: '2001:db8::2' } } });
    await fabric.once(`${entries}?state=refused`, refused);
    expect((await shown('a', '--state', 'refused')).entries).toEqual([
      expect.objectContaining({ key: 'guard/2001:db8::2', state: 'refused', why: 'no memory', resource: { kind: 'Host', name: 'b' } }),
    ]);
    allow();
    await fabric.once(`${entries}?kind=guard&state=programmed`, refused);
  });

  it('names what is wrong with a question', async () => {
    expect((await fabric.weft('host', 'show', 'c')).complained).toContain('hosts.fabric.weft.dev "c" not found');
    expect((await fabric.weft('host', 'show', 'a', '--network', 'none')).complained).toContain('there is none of this name');
    expect(await fabric.weft('host', 'show', 'a', '--kind', 'nope')).toMatchObject({
      code: 2,
      complained: expect.stringMatching(/kind="nope" is none of router, .*policy_pairs/),
    });
    expect(await fabric.weft('host', 'show', 'a', '--state', 'nope')).toMatchObject({
      code: 2,
      complained: expect.stringContaining('state="nope" is none of programmed, pending, refused, unwanted'),
    });
    expect((await fabric.weft('host', 'hide', 'a')).complained).toContain('there is only "weft host show <host>"');
    await agent.stop();
    expect((await fabric.weft('host', 'show', 'a')).complained).toContain('the agent of host a does not answer');
  });
});
