/** Answers about what the log no longer explains say so. */
import { type Append, appendOf, createFold, factsOf, type RecordedEvent, streamOf } from '@weft/api';
import { RowsOnDemand } from '@weft/fabric';
import { nicKey } from '@weft/network';
import { World } from '@weft/testing';
import { blame } from '../blame/blame.ts';
import { pastOfWorld } from '../testing/past-of-world.ts';
import { twoHosts } from '../testing/two-hosts.ts';
import { toldTrace, traced } from './trace.ts';

const TO_DB = { from: 'nic/ns/web', to: 'nic/ns/db:5432' };
const STREAM = streamOf(nicKey('ns', 'db'));

function closed(): readonly Append[] {
  const { world, policy } = twoHosts();
  policy('closed', { app: 'db' }, []);
  return world.appends;
}

async function answersOf(
  appends: readonly Append[],
  { log = appends.flatMap(({ events }) => events), request = TO_DB }: { log?: readonly RecordedEvent[]; request?: typeof TO_DB } = {},
) {
  const world = new World({ log: appends });
  const fold = createFold(world.registry);
  for (const append of appends) fold.apply(append);
  const rows = new RowsOnDemand(world.registry, fold);
  rows.settle();
  const store = {
    async *readAll({ from = 0n }: Readonly<{ from?: bigint }> = {}) {
      const found = log.findLast(({ position }) => position <= from);
      if (found !== undefined) yield found;
    },
  };
  const trace = await toldTrace({ registry: world.registry, store }, request, {
    ...traced(rows, factsOf(fold), request),
    position: fold.position,
  });
  return { trace, blame: await blame(pastOfWorld(world)(), world.position, request, { limit: 20 }) };
}

const written = (appends: readonly Append[], change: (event: RecordedEvent) => RecordedEvent) =>
  appends.map(({ events }) => appendOf(events.map(change)));

describe('An answer', () => {
  it('has nothing to say of it where the log explains all', async () => {
    const { trace, blame: blamed } = await answersOf(closed());
    expect([trace.reason, trace.unexplained, blamed.now.reason, blamed.unexplained]).toEqual([
      'PolicyIngress',
      undefined,
      'PolicyIngress',
      undefined,
    ]);
  });

  it('has nothing to say of ports of a NAT gateway, whose reservations never keep a command', async () => {
    const { world, a, create } = twoHosts();
    world.patch({ kind: 'Host', name: 'a' }, { spec: { roles: ['Compute', 'Edge'] } });
    const apiVersion = 'fabric.weft.dev/v1alpha1';
    world.create({ apiVersion, kind: 'AddressPool', metadata: { name: 'public' }, spec: { prefixes: ['203.0.113.0/24'] } });
    create('NATGateway', 'way-out', { type: 'Public', ipFamily: 'IPv4', networkRef: { name: 'net' }, portsPerNetworkInterface: 64 });
    a.report();
    const { trace } = await answersOf(world.appends, { request: { from: 'nic/ns/web', to: '198.51.100.7:443' } });
    expect(trace.steps.map(({ at }) => at)).toContain('nat');
    expect(trace.unexplained).toBeUndefined();
  });

  it('says of which resource a later version wrote events, and that it is told as it was before', async () => {
    const appends = closed();
    const last = appends.at(-1)?.position ?? 0n;
    const [first] = appends.filter(({ stream }) => stream === STREAM).at(-1)?.events ?? [];
    const later = { ...(first as RecordedEvent), id: 'later', type: 'NetworkInterfaceRenamed.v9', position: last + 3n };
    const { trace, blame: blamed } = await answersOf([...appends, appendOf([{ ...later, revision: later.revision + 1n }])]);
    const said = [{ resource: nicKey('ns', 'db'), why: expect.stringMatching(/NetworkInterfaceRenamed.v9.*as it was before that/) }];
    expect([trace.unexplained, blamed.unexplained]).toEqual([said, said]);
  });

  it('says where a log of the first version does not tell the command', async () => {
    const old = written(closed(), ({ metadata: { command: _, ...metadata }, ...event }) => ({ ...event, metadata }));
    const { trace, blame: blamed } = await answersOf(old);
    for (const { unexplained = [] } of [trace, blamed])
      expect(unexplained).toContainEqual({
        resource: { kind: 'NetworkPolicy', namespace: 'ns', name: 'closed' },
        why: expect.stringContaining('with which command is not'),
      });
    expect(blamed.changes[0]?.event).not.toHaveProperty('command');
  });

  it('says where the log does not hold what made a row so, as after it was restored', async () => {
    const appends = closed();
    const others = appends.flatMap(({ events }) => events.map((event) => ({ ...event, id: `other ${event.id}` })));
    const { trace } = await answersOf(appends, { log: others });
    expect(trace.unexplained).toContainEqual({
      resource: expect.objectContaining({ kind: 'NetworkPolicy', name: 'closed' }),
      why: expect.stringMatching(/does not hold the event at position \d+ .*by whom is not known/),
    });
    for (const { rows } of trace.steps) for (const row of rows) expect(row).not.toHaveProperty('event');
  });
});
