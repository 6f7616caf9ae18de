/** What hosts had acknowledged: certain where their reports say so, and open where they do not. */
import { factsOf } from '@weft/api';
import { RowsOnDemand } from '@weft/fabric';
import { pastOfWorld } from '../testing/past-of-world.ts';
import { twoHosts } from '../testing/two-hosts.ts';
import { applied } from './applied.ts';
import { traced } from './trace.ts';

const request = { from: 'nic/ns/web', to: 'nic/ns/db:5432' };

function given() {
  const fabric = twoHosts();
  const { world, a, b } = fabric;
  const read = (at = world.position) => applied(pastOfWorld(world)(at), at, request);
  const lags = () => {
    const rows = new RowsOnDemand(world.registry, world.fold);
    rows.settle();
    return traced(rows, factsOf(world.fold), request).lags.map(({ host, reason, rows: lacking }) => [
      host,
      reason,
      lacking.map(({ table }) => table),
    ]);
  };
  const report = () => {
    for (const agent of [a, b]) agent.report();
    world.settle();
  };
  return { ...fabric, read, lags, report };
}

describe('What hosts had acknowledged of the way of a packet', () => {
  it('is what the log wants once all have reported, and open before that', async () => {
    const { world, read, lags, report } = given();
    const open = await read();
    expect([open.verdict, open.answers[0]?.verdict, open.answers.at(-1)?.verdict]).toEqual(['open', 'none', 'delivered']);
    report();
    report();
    const { position } = world;
    expect(await read()).toEqual({
      verdict: 'delivered',
      waiting: [],
      answers: [{ verdict: 'delivered', to: ['nic/ns/db'], position: `${position}` }],
    });
    expect(lags()).toEqual([]);
  });

  it('is as before, or as after, a policy that the host of the receiver has not reported', async () => {
    const { world, policy, a, b, read, lags, report } = given();
    report();
    report();
    policy('closed', { app: 'db' }, []);
    const closedAt = world.position;
    a.report();
    world.settle();
    expect(lags()).toEqual([['b', 'Pending', ['policies.200']]]);
    expect(await read()).toMatchObject({
      verdict: 'open',
      waiting: [{ hosts: ['b'], tables: expect.arrayContaining(['policies.200']) }],
      answers: [{ verdict: 'delivered' }, { verdict: 'dropped', reason: 'PolicyIngress' }],
    });
    b.report();
    world.settle();
    expect(await read()).toMatchObject({ verdict: 'dropped', reason: 'PolicyIngress', waiting: [] });
    expect(lags()).toEqual([]);
    expect(await read(closedAt)).toMatchObject({ verdict: 'open', waiting: [{ hosts: ['a', 'b'] }] });
    // Its end leaves no row that could wait.
    world.delete({ kind: 'NetworkPolicy', namespace: 'ns', name: 'closed' });
    expect(await read()).toMatchObject({
      verdict: 'open',
      waiting: [{ hosts: ['a', 'b'], tables: expect.arrayContaining(['policies.200']) }],
      answers: [{ verdict: 'dropped' }, { verdict: 'delivered' }],
    });
  });

  it('is certain where what waits makes no difference to it', async () => {
    const { policy, read, report, label } = given();
    report();
    report();
    policy('open', { app: 'db' }, [5432]);
    expect(await read()).toMatchObject({ verdict: 'delivered', waiting: [{ hosts: ['a', 'b'] }] });
    report();
    label('web', { colour: 'blue' });
    expect(await read()).toMatchObject({ verdict: 'delivered', waiting: [] });
  });

  it('says of a host that is down why', () => {
    const { world, lags, report } = given();
    report();
    report();
    world.act({ kind: 'Host', name: 'b' }, 'HostLost');
    expect(lags()).toEqual([['b', 'HeartbeatsMissing', []]]);
  });
});
