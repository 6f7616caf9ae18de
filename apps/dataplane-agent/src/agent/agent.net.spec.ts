/** Agents on real kernels: rows become packets, a restart writes nothing, what is deleted by hand comes back, a NIC moves. */
import type { HostIdentity } from '@weft/fabric';
import { createLinuxDriver, routerNamespace } from '@weft/linux';
import { checkConnectivity, everyPair, type Guest, KernelWatch, type LabHost, must, Netlab, Probe, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { findUnderlayAddress } from '../host/underlay-address.ts';
import { lookAtUnderlay } from '../host/underlay-link.ts';
import { memoryHub, Rows, type TestAgent, testAgent } from '../testing/fabric-bench.ts';
import type { AgentOptions } from './agent.ts';

const unfit = whyNoNetlab();
const RED = 400;
const BLUE = 401;

if (unfit === undefined) {
  describe('Agents on real kernels', () => {
    const hub = memoryHub();
    const rows = new Rows(hub);
    const agents = new Map<LabHost, TestAgent>();
    const guests: (Guest & { uid: string; host: LabHost })[] = [];
    let lab: Netlab;
    let h1: LabHost;
    let h2: LabHost;
    /** Only its number is used. */
    let spare: LabHost;

    const identityOf = ({ name: host, index, underlay }: LabHost) => ({ host, index, underlay });
    const startAgent = async (
      host: LabHost,
      identity: HostIdentity = identityOf(host),
      more: Partial<Pick<AgentOptions, 'former' | 'kernelTiming'>> = {},
    ): Promise<void> => {
      const made = testAgent(hub, identity, (identity) => createLinuxDriver({ identity, hostNetns: host.netns }), {
        kernelTiming: { resyncMs: 300, retryMs: 20, retryMsMax: 200, stopMsMax: 5_000 },
        underlayLink: (address) => lookAtUnderlay(host.netns, address),
        findUnderlay: () => findUnderlayAddress(host.netns),
        ...more,
      });
      agents.set(host, made);
      await made.agent.start();
    };
    const add = (name: string, host: LabHost, network: number, last: number): Guest & { uid: string; host: LabHost } => {
      const { uid, netns } = lab.nic();
      const ips = [`10.0.0.${last}`, `fd10::${last}`];
      rows.nic(uid, host.name, network, ...ips);
      const guest = { name, netns, network, ips, uid, host };
      guests.push(guest);
      return guest;
    };
    const ready = (): boolean =>
      guests.every(({ uid, host }) => BigInt(agents.get(host)!.controlPlane.programmed.get(uid) ?? -1) >= placedAt(uid, host)) &&
      [...agents.values()].every(({ agent }) => agent.problems().length === 0);
    const placedAt = (uid: string, host: LabHost): bigint =>
      BigInt((rows.tables.get(`placements.${host.name}`)?.get(uid) as { placedAt?: string } | undefined)?.placedAt ?? 0);

    const heard = (host: LabHost, table: string): boolean => agents.get(host)!.controlPlane.applied.get(table) === rows.position;

    beforeAll(async () => {
      lab = await Netlab.create({ hosts: 3 });
      [h1, h2, spare] = lab.hosts as [LabHost, LabHost, LabHost];
      for (const host of [h1, h2]) rows.host(host.name, host.index, host.underlay);
      rows.startAll();
      add('red-1', h1, RED, 1);
      add('red-2', h2, RED, 2);
      add('red-3', h1, RED, 3);
      add('blue-1', h1, BLUE, 1);
      add('blue-2', h2, BLUE, 2);
      for (const host of [h1, h2]) await startAgent(host);
      await until('all NICs programmed', ready);
    });
    afterAll(async () => {
      for (const { agent } of agents.values()) await agent.stop();
      await rows.stopAll();
      await lab?.close();
    });

    it('let guests of one network reach each other, and no others', async () => {
      await checkConnectivity(lab, everyPair(guests));
    });

    it('packet P-102: lose nothing and write nothing when one is started again, nor while the control plane is away', async () => {
      const [red1, red2] = guests as unknown as [Guest, Guest];
      const probe = await Probe.start(red1.netns, red2.netns, '10.0.0.2');
      const watch = await KernelWatch.start([h1.netns, routerNamespace(h1.index, RED), routerNamespace(h1.index, BLUE), red1.netns]);
      await agents.get(h1)!.agent.stop();
      await startAgent(h1);
      await until('all NICs reported again', ready);
      await rows.stopAll();
      hub.goDown();
      hub.comeUp();
      rows.startAll();
      await until('rows are followed again', ready);
      expect(await watch.stop()).toEqual([]);
      expect(await probe.stop()).toMatchObject({ lost: 0, doubled: 0, reordered: 0 });
    });

    it('put back a route that was deleted by hand', async () => {
      const router = routerNamespace(h1.index, RED);
      await must(router, ['ip', 'route', 'del', '10.0.0.2/32']);
      const shown = async () => (await must(router, ['ip', 'route', 'show', '10.0.0.2/32'])).includes('dev vx');
      const deadline = performance.now() + 10_000;
      while (!(await shown())) if (performance.now() > deadline) throw new Error('the route does not come back');
      await checkConnectivity(lab, everyPair(guests));
    });

    it.each(['the placement', 'the endpoint'])('move a NIC to another host when %s is heard of first', async (first) => {
      const moved = guests.find(({ name }) => name === 'red-3')!;
      const [from, to] = moved.host === h1 ? [h1, h2] : [h2, h1];
      const ended: (readonly [string, string, undefined])[] = [[`placements.${from.name}`, moved.uid, undefined]];
      const [endpoint, placement] = rows.nicRows(moved.uid, to.name, RED, ...moved.ips) as [never, never];
      if (first === 'the endpoint') {
        rows.event([endpoint]);
        await until('both have it', () => [from, to].every((host) => heard(host, `endpoints.${RED}`)));
        rows.event([...ended, placement]);
      } else {
        rows.event([...ended, placement]);
        await until('both have it', () => [from, to].every((host) => heard(host, `placements.${host.name}`)));
        rows.event([endpoint]);
      }
      moved.host = to;
      await until('it is programmed there', ready);
      await checkConnectivity(lab, everyPair(guests));
    });

    it('follow an underlay address that changes, so that guests reach each other again', async () => {
      const other = 'fd00:77::99';
      await must(h2.netns, ['ip', 'addr', 'add', `${other}/64`, 'dev', 'und0', 'nodad']);
      await must(h2.netns, ['ip', 'addr', 'del', `${h2.underlay}/64`, 'dev', 'und0']);
      const { agent, controlPlane } = agents.get(h2)!;
      await until(
        'it is registered anew',
        () => controlPlane.answer.outcome === 'registered' && controlPlane.answer.identity.underlay === other,
      );
      rows.host(h2.name, h2.index, other);
      await until('both have it', () => agent.identity?.underlay === other && [h1, h2].every((host) => heard(host, 'hosts')));
      await until('all NICs programmed', ready);
      await checkConnectivity(lab, everyPair(guests));
    });

    it('work at once when their host was deleted while they were away and registers again under another number', async () => {
      const former = agents.get(h2)!.agent.identity!;
      await agents.get(h2)!.agent.stop();
      rows.event([['hosts', h2.name, undefined]]);
      rows.host(h2.name, spare.index, former.underlay);
      await startAgent(
        h2,
        { ...former, index: spare.index },
        {
          former: { load: async () => ({ identity: former, storeId: 'store-1' }), save: async () => {} },
          // What is refused, or known too late, would show.
          kernelTiming: { resyncMs: 120_000, retryMs: 120_000, retryMsMax: 120_000, stopMsMax: 5_000 },
        },
      );
      await until('all NICs programmed', ready);
      expect(agents.get(h2)!.controlPlane.reports.flatMap(({ faults }) => faults)).toEqual([]);
      expect(lab.routers().filter((name) => name.startsWith(`weft-${former.index}-`))).toEqual([]);
      expect(await must(h2.netns, ['nft', 'list', 'table', 'inet', 'dp_underlay'])).toContain(`weft host=${spare.index}`);
      await checkConnectivity(lab, everyPair(guests));
    });

    it('leave nothing of a network behind whose last NIC ended', async () => {
      for (const { uid, host } of guests.filter(({ network }) => network === BLUE)) rows.nicEnds(uid, host.name, BLUE);
      const left = () => lab.routers().filter((name) => lab.hosts.some(({ index }) => name === routerNamespace(index, BLUE)));
      await until('routers are gone', () => left().length === 0);
    });
  });
} else it.skip(`Agents on real kernels (${unfit})`, () => {});
