/** `weft get` and what stands on it, against a gateway. */
import { styleText } from 'node:util';
import { run } from '../cli/program.ts';
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';
import { textTerminal } from '../testing/text-terminal.ts';

describe('weft get', () => {
  let fabric: Fabric;
  beforeAll(async () => {
    fabric = await startFabric();
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'web', labels: { tier: 'front' } }, spec: {} });
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'db' }, spec: {} });
    await fabric.once(`${NETWORKING}/networks/web`, ({ status }) => (status as { state?: string } | undefined)?.state === 'Available');
    await fabric.once(`${NETWORKING}/networks/db`, ({ status }) => (status as { state?: string } | undefined)?.state === 'Available');
  });
  afterAll(() => fabric.stop());

  it('shows a table of a kind, by any of its names', async () => {
    const { code, said } = await fabric.weft('get', 'networks');
    expect(code).toBe(0);
    const [heading = '', ...rows] = said.split('\n');
    expect(heading).toMatch(/^NAME {3}STATE {7}PROVIDERID +AGE$/);
    expect(rows).toEqual([expect.stringMatching(/^db {5}Available {3}ironcore-net/), expect.stringMatching(/^web {4}Available /)]);
    for (const word of ['net', 'Network', 'network.networking.ironcore.dev'])
      expect((await fabric.weft('get', word, '-o', 'name')).code).toBe(0);
  });

  it.each([
    [['network', 'web']],
    [['network/web']],
    [['networks/default/web']],
    [['networks', '-l', 'tier=front']],
    [['networks', '--field-selector', 'metadata.name=web', '-A']],
  ])('finds one by %j', async (words) => {
    expect(await fabric.weft('get', ...words, '-o', 'name')).toMatchObject({ code: 0, said: 'network.networking.ironcore.dev/web' });
  });

  it('gives documents, one as it is and several as a List', async () => {
    expect(JSON.parse((await fabric.weft('get', 'network/web', '-o', 'json')).said)).toMatchObject({
      kind: 'Network',
      metadata: { name: 'web' },
    });
    expect((await fabric.weft('get', 'network/web', '-o', 'yaml')).said).toMatch(/^kind: Network\n|\nkind: Network\n/);
    const list = JSON.parse((await fabric.weft('get', 'network/web', 'network/db', '-o', 'json')).said) as {
      kind: string;
      items: { metadata: { name: string } }[];
    };
    expect([list.kind, list.items.map(({ metadata }) => metadata.name)]).toEqual(['List', ['web', 'db']]);
  });

  it('shows several kinds one after the other, and the namespace of each object when all are asked for', async () => {
    const { said } = await fabric.weft('get', 'ns,net', '-A');
    expect(said).toMatch(
      /^NAME .*\nnamespace\/default .*(\nnamespace\/.*)*\n\nNAMESPACE {3}NAME .*\ndefault {5}network\.networking\.ironcore\.dev\/db /,
    );
  });

  it('says that there is nothing, and what is not found, with different codes', async () => {
    expect(await fabric.weft('get', 'machines')).toEqual({
      code: 0,
      said: '',
      complained: 'There are no machines in namespace "default" (-A: in all).',
    });
    expect(await fabric.weft('get', 'network/none')).toEqual({
      code: 1,
      said: '',
      complained: 'weft: networks.networking.ironcore.dev "none" not found',
    });
    expect(await fabric.weft('get', 'netwerk')).toMatchObject({
      code: 2,
      complained: expect.stringContaining('"netwerk" is no kind here; did you mean networks'),
    });
    expect(await fabric.weft('get', 'network/')).toMatchObject({ code: 2, complained: expect.stringContaining('names no object') });
    expect(await fabric.weft('get', 'networks', '-l', '=')).toMatchObject({ code: 2 });
  });

  it('colours what a person reads', async () => {
    const terminal = textTerminal({ WEFT_SERVER: fabric.url }, true);
    await run(['get', 'networks'], terminal);
    expect(terminal.said()).toContain(styleText('green', 'Available'));
    expect(terminal.said().split('\n')[0]).toContain(styleText('bold', 'STATE'));
  });

  it('shows hosts, and the version of the server', async () => {
    expect(await fabric.weft('hosts')).toMatchObject({ code: 0, complained: 'There are no hosts.' });
    expect(await fabric.weft('version')).toMatchObject({ code: 0, said: expect.stringContaining(`server ${fabric.url}, which speaks`) });
  });

  it.each([
    [['g'], ['get']],
    [
      ['get', 'networkp'],
      ['networkpolicies', 'networkpolicyrules'],
    ],
    [
      ['get', 'network', ''],
      ['db', 'web'],
    ],
    [['get', 'network/w'], ['network/web']],
    [['get', '-n', 'none', 'network', ''], []],
    [['get', '--names'], ['--namespace']],
    [['get', '-o', 'y'], ['yaml']],
    [
      ['completion', ''],
      ['bash', 'fish', 'powershell', 'zsh'],
    ],
  ])('completes %j', async (words, wanted) => {
    const log = jest.spyOn(console, 'log').mockImplementation(() => {});
    try {
      await fabric.weft('complete', '--', ...words);
      const offered = log.mock.calls.map(([line]) => String(line).split('\t')[0]);
      expect(offered.filter((each) => !each?.startsWith(':')).sort()).toEqual(wanted);
    } finally {
      log.mockRestore();
    }
  });

  it('shows what was there at a position and at a time', async () => {
    const before = await fabric.store.head();
    const [, ...was] = (await fabric.weft('get', 'networks')).said.split('\n').map((line) => line.split(/ +/)[0]);
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'later' }, spec: {} });
    expect(
      (await fabric.weft('get', 'networks', '--at', `${before}`)).said
        .split('\n')
        .slice(1)
        .map((line) => line.split(/ +/)[0]),
    ).toEqual(was);
    expect(await fabric.weft('get', 'network/later', '--at', `${before}`)).toMatchObject({
      code: 1,
      complained: expect.stringContaining('not found'),
    });
    const { metadata } = JSON.parse((await fabric.weft('get', 'network/later', '-o', 'json')).said) as {
      metadata: { creationTimestamp: string };
    };
    const second = new Date(Date.parse(metadata.creationTimestamp) - 3_600_000).toISOString();
    expect(await fabric.weft('get', 'networks', '--at', second)).toMatchObject({
      code: 2,
      complained: expect.stringContaining('before the log began'),
    });
    expect(await fabric.weft('hosts', '--at', `${before}`)).toMatchObject({ code: 0, complained: `There were no hosts at ${before}.` });
  });
});
