/** An outage, as docs/explain.md tells it: somebody's label cuts a database off; it is found, dated, attributed, undone by a plan, and watched until hosts have it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';

const DB = `${NETWORKING}/networkinterfaces/db`;
const PACKET = ['nic/web', 'tcp', 'nic/db:5432'];

describe('An outage', () => {
  let fabric: Fabric;
  const directory = mkdtempSync(join(tmpdir(), 'weft-outage-'));
  beforeAll(async () => {
    fabric = await startFabric();
    await fabric.startAgent('a', '2001:db8::1');
    await fabric.startAgent('b', '2001:db8::2');
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'net' }, spec: {} });
    await fabric.attach('net', 'web', 'a', '10.0.0.1');
    await fabric.attach('net', 'db', 'b', '10.0.0.9');
    await fabric.create(`${NETWORKING}/networkpolicies`, {
      metadata: { name: 'quarantine' },
      spec: { networkRef: { name: 'net' }, networkInterfaceSelector: { matchLabels: { zone: 'closed' } }, policyTypes: ['Ingress'] },
    });
    for (const name of ['web', 'db']) {
      const path = `${NETWORKING}/networkinterfaces/${name}`;
      await fabric.once(path, ({ status }) => (status as { state?: string } | undefined)?.state === 'Available');
    }
  });
  afterAll(async () => {
    await fabric.stop();
    rmSync(directory, { recursive: true });
  });

  const label = async (user: string, labels: object) => {
    const headers = { 'content-type': 'application/merge-patch+json', 'impersonate-user': user };
    const { status } = await fetch(fabric.url + DB, { method: 'PATCH', headers, body: JSON.stringify({ metadata: { labels } }) });
    expect(status).toBe(200);
  };

  it('is found with trace, dated and attributed with blame, undone with plan and apply, and watched with wait', async () => {
    expect((await fabric.weft('trace', ...PACKET)).code).toBe(0);
    await label('mallory', { zone: 'closed' });
    await label('alice', { colour: 'blue' });

    const found = await fabric.weft('trace', ...PACKET);
    expect(found.code).toBe(1);
    expect(found.said).toMatch(/^nic\/web tcp nic\/db:5432: dropped, PolicyIngress/);
    expect(found.said).toContain('policy default/quarantine restricts what it may receive, and no rule admits this');
    // The newest event behind the labels is another one.
    expect(found.said).toMatch(/NetworkInterface default\/db: LabelsChanged\.v1 by alice/);

    const { said: blamed } = await fabric.weft('blame', ...PACKET, '--why', '--limit', '1');
    const mallory = String.raw`LabelsChanged\.v1 of NetworkInterface default\/db by mallory \(patch\)`;
    expect(blamed).toMatch(new RegExp(String.raw`dropped, PolicyIngress; before: delivered to nic\/default\/db\n {2}${mallory}\n`));
    expect(blamed).toMatch(new RegExp(String.raw`why: without this command, delivered to nic\/default\/db\n {2}${mallory} at 20`));

    const [manifest, plan] = [join(directory, 'db.yaml'), join(directory, 'db.plan')];
    writeFileSync(
      manifest,
      'apiVersion: networking.ironcore.dev/v1alpha1\nkind: NetworkInterface\nmetadata: {name: db, namespace: default, labels: {zone: open}}\n',
    );
    const planned = await fabric.weft('plan', '-f', manifest, '--force', '--out', plan);
    expect([planned.code, planned.complained]).toEqual([1, '']);
    expect(planned.said).toContain('+ nic/default/web would reach nic/default/db (until now PolicyIngress)');
    expect(await fabric.weft('apply', '--plan', plan)).toMatchObject({ code: 0, said: expect.stringContaining('done') });
    expect((await fabric.weft('wait', 'networkinterface/default/db')).code).toBe(0);

    const applied = '/weft/v1/trace?from=nic/web&to=nic/db:5432&reading=applied';
    await fabric.once(applied, ({ applied: then }) => (then as { verdict?: string } | undefined)?.verdict === 'delivered');
    const after = await fabric.weft('trace', ...PACKET, '--applied');
    expect(after.code).toBe(0);
    expect(after.said).toMatch(/by what hosts had acknowledged: delivered$/m);
  });
});
