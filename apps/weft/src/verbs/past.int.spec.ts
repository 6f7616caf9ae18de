/** `weft history` and `weft diff`, against a gateway. */
import { styleText } from 'node:util';
import { until } from '@weft/testing/waiting';
import { run } from '../cli/program.ts';
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';
import { textTerminal } from '../testing/text-terminal.ts';

describe('What Weft remembers', () => {
  let fabric: Fabric;
  let before: bigint;
  beforeAll(async () => {
    fabric = await startFabric();
    const isAvailable = ({ status }: Record<string, never>) => (status as { state?: string } | undefined)?.state === 'Available';
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'web' }, spec: {} });
    await fabric.once(`${NETWORKING}/networks/web`, isAvailable);
    before = await fabric.store.head();
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'db', labels: { tier: 'back' } }, spec: {} });
    await fabric.once(`${NETWORKING}/networks/db`, isAvailable);
  });
  afterAll(() => fabric.stop());

  it('weft history tells each change: when, who, what differed, why, and what followed', async () => {
    const { code, said, complained } = await fabric.weft('history', 'network/default/web');
    expect([code, complained]).toEqual([0, '']);
    const changes = said.split(/\n(?=\d{4}-)/);
    expect(changes[0]).toMatch(/^\d{4}-\d\d-\d\dT\S+Z {2}\d+ {2}system:anonymous {2}create \(began\)\n {4}NetworkCreated\.v1\n/);
    expect(changes[0]).toContain('    + metadata.name: web');
    expect(changes[0]).toMatch(/\n {4}followed by \S+ in VniPool-\.default at \d+/);
    const numbered = changes.find((change) => change.includes('NetworkVniAssigned.v1')) ?? '';
    expect(numbered).toMatch(/ system:loop:\S+ for system:anonymous {2}act \S+\n {4}caused by \S+ in \S+ at \d+\n/);
    expect(numbered).toMatch(/\n {4}[+~] status\.state: (Pending -> )?Available/);
    const wide = (await fabric.weft('history', 'net', 'web', '-o', 'wide')).said;
    expect(wide).toContain('NetworkCreated.v1 {"metadata":{');
    const asJson = JSON.parse((await fabric.weft('history', 'net/web', '-o', 'json', '--limit', '1')).said) as {
      changes: unknown[];
      more: boolean;
    };
    expect([asJson.changes.length, asJson.more]).toEqual([1, true]);
    expect((await fabric.weft('history', 'net/web', '--limit', '1')).complained).toMatch(/^weft: there are older changes: --before \d+$/);
  });

  it('weft history wants one object, and says when there is none', async () => {
    expect(await fabric.weft('history', 'networks')).toMatchObject({ code: 2, complained: expect.stringContaining('name one object') });
    expect(await fabric.weft('history', 'net', 'web', 'db')).toMatchObject({
      code: 2,
      complained: expect.stringContaining('name one object'),
    });
    expect(await fabric.weft('history', 'net/none')).toMatchObject({ code: 1, complained: expect.stringContaining('"none" not found') });
    expect(await fabric.weft('history', 'net/web', '--limit', 'many')).toMatchObject({
      code: 2,
      complained: expect.stringContaining('not a whole number'),
    });
  });

  it('weft diff tells what came, by its exit code too', async () => {
    const { code, said } = await fabric.weft('diff', 'networks', '--from', `${before}`);
    expect(code).toBe(1);
    expect(said.split('\n')[0]).toBe('+ network.networking.ironcore.dev/default/db began');
    expect(said).toContain('  + metadata.labels.tier: back');
    expect(await fabric.weft('diff', 'network/web', '--from', `${before}`)).toEqual({ code: 0, said: '', complained: '' });
    expect(await fabric.weft('diff', 'net,ns', '-A', '--from', `${before}`, '-o', 'name')).toEqual({
      code: 1,
      said: 'network.networking.ironcore.dev/default/db',
      complained: '',
    });
    const asJson = JSON.parse(
      (await fabric.weft('diff', 'networks', '--from', `${before}`, '--to', `${before}`, '-o', 'json')).said,
    ) as object;
    expect(asJson).toMatchObject({ kind: 'Network', from: { position: `${before}` }, to: { position: `${before}` }, objects: [] });
    expect(await fabric.weft('diff', 'networks')).toMatchObject({
      code: 2,
      complained: expect.stringContaining("required option '--from <moment>'"),
    });
  });

  it('weft diff names an object that was at neither moment', async () => {
    expect(await fabric.weft('diff', 'network/nope', '--from', `${before}`)).toEqual({
      code: 1,
      said: '',
      complained: expect.stringMatching(/"nope" not found at position \d+ or \d+: "weft history" tells if and when it was there/),
    });
    expect((await fabric.weft('diff', 'network/db', '--from', `${before}`, '--to', `${before}`)).complained).toContain('"db" not found at');
    expect(await fabric.weft('diff', 'networks', '-n', 'nope', '--from', `${before}`)).toMatchObject({ code: 0 });
  });

  it('weft events prints what has happened, in order, and goes on with what happens', async () => {
    const { code, said } = await fabric.weft('events', '--from', '0', '--no-follow', '--kind', 'Network', '--name', 'web');
    expect(code).toBe(0);
    expect(said.split('\n')[0]).toMatch(/^\d{4}-\S+Z {2}\d+ {2}NetworkCreated\.v1 {2}Network\/default\/web {2}system:anonymous$/);
    const asJson = (await fabric.weft('events', '--from', `${before}`, '--no-follow', '-l', 'tier=back', '-o', 'json')).said.split('\n');
    expect(asJson.map((line) => (JSON.parse(line) as { subject: string }).subject)).toEqual(asJson.map(() => 'Network/default/db'));
    const terminal = textTerminal({ WEFT_SERVER: fabric.url });
    const following = run(['events', '--from', '0', '--type', 'NetworkCreated'], terminal);
    await until('what was there', () => terminal.said().split('\n').length === 2);
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'while-it-follows' }, spec: {} });
    await until('what has come', () => terminal.said().includes('Network/default/while-it-follows'));
    terminal.end();
    expect([await following, terminal.complained()]).toEqual([0, '']);
  });

  it('weft events says what it does not understand, and when nobody answers', async () => {
    expect(await fabric.weft('events', '--from', 'yesterday')).toMatchObject({ code: 2, complained: expect.stringContaining('yesterday') });
    expect(await fabric.weft('events', '--from', `${before}`, '--to', '0', '--no-follow')).toMatchObject({
      code: 2,
      complained: expect.stringContaining(`from=${before} lies behind to=0`),
    });
    expect(await fabric.weft('events', '--server', '127.0.0.1:1')).toMatchObject({
      code: 4,
      complained: expect.stringContaining('no Weft answers'),
    });
  });

  it('colours what a person reads', async () => {
    const terminal = textTerminal({ WEFT_SERVER: fabric.url }, true);
    await run(['diff', 'network/db', '--from', `${before}`], terminal);
    expect(terminal.said()).toContain(styleText('green', '  + metadata.labels.tier: back'));
  });
});
