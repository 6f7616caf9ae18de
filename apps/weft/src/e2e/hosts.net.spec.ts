/** Hosts tell the truth: whole processes, real kernels, an underlay that is taken away (resources 2.11). */

import { run, whyNoNetlab } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type ApiObject, HOSTS, MACHINES, machine, must, NETWORKS, NICS, network, nic, POLICIES } from './api.ts';
import { withProcesses } from './processes.ts';
import { answers, twoHosts } from './two-hosts.ts';

const unfit = whyNoNetlab();

type Trace = Readonly<{
  verdict: string;
  reason?: string;
  applied: Readonly<{ verdict: string; waiting: readonly Readonly<{ hosts: readonly string[] }>[] }>;
  lags: readonly Readonly<{ host: string; reason: string; rows: readonly Readonly<{ table: string }>[] }>[];
}>;
type Condition = Readonly<{ type: string; status: string; reason: string; message: string }>;

const conditionOf = ({ status = {} }: ApiObject, wanted: string): Condition | undefined =>
  ((status['conditions'] ?? []) as readonly Condition[]).find(({ type }) => type === wanted);

if (unfit === undefined) {
  describe('Two hosts', () => {
    it(
      'say when they cannot be relied on, with their interfaces, and come back by themselves',
      withProcesses(240_000, async (workspace) => {
        const { weft, mounts, startAgent, available, hostsHoldAll } = await twoHosts(workspace);
        const { url } = weft;
        const get = (path: string) => must<ApiObject>(url, 'GET', path);
        const host = (name: string) => get(`${HOSTS}/${name}`);
        await must(url, 'POST', NETWORKS, network('red'));
        for (const at of [1, 2]) {
          await must(url, 'POST', NICS, nic(`red-${at}`, 'red', `10.0.0.${at}`));
          await must(url, 'POST', MACHINES, machine(`machine-${at}`, `host-${at}`, `red-${at}`));
        }
        const [one, two] = [await available('red-1'), await available('red-2')];
        await answers(one.netns, '10.0.0.2');
        await hostsHoldAll();
        expect((await host('host-1')).status).toMatchObject({ mtu: 1_600, agent: { driver: 'linux', version: expect.any(String) } });

        const hostSays = (name: string, wanted: Partial<Condition>) =>
          until(
            `host ${name} to say ${JSON.stringify(wanted)}`,
            async () => {
              const found = await host(name);
              const [ready, converged] = [conditionOf(found, 'Ready'), conditionOf(found, 'Converged')];
              const says = (condition: Condition | undefined) =>
                Object.entries(wanted).every(([field, value]) => condition?.[field as keyof Condition] === value);
              return says(ready) && (wanted.status === 'True' ? converged?.status === 'True' : says(converged));
            },
            60_000,
          );
        const nicSays = (name: string, state: string, reason: string) =>
          until(`${name} to be ${state} because of ${reason}`, async () => {
            const found = await get(`${NICS}/${name}`);
            return found.status?.['state'] === state && conditionOf(found, 'Ready')?.reason === reason;
          });

        // The underlay address goes, and comes back.
        await mounts.run('ip', '-n', 'host-1', 'address', 'del', 'fd00:77::1/64', 'dev', 'eth0');
        await hostSays('host-1', {
          status: 'False',
          reason: 'UnderlayAddressMissing',
          message: 'underlay address fd00:77::1 is on no device of this host',
        });
        await nicSays('red-1', 'Pending', 'HostUnready');
        expect(conditionOf(await get(`${NICS}/red-2`), 'Ready')).toMatchObject({ status: 'True' });
        await mounts.run('ip', '-n', 'host-1', 'address', 'add', 'fd00:77::1/64', 'dev', 'eth0', 'nodad');
        await hostSays('host-1', { status: 'True' });
        await nicSays('red-1', 'Available', 'Programmed');
        await answers(one.netns, '10.0.0.2');

        // Its device has no carrier.
        await mounts.run('ip', '-n', 'wire', 'link', 'set', 'host-1', 'down');
        await hostSays('host-1', {
          status: 'False',
          reason: 'UnderlayDown',
          message: 'device eth0 of underlay address fd00:77::1 is down',
        });
        await mounts.run('ip', '-n', 'wire', 'link', 'set', 'host-1', 'up');
        await hostSays('host-1', { status: 'True' });

        // An agent dies while nobody listens: it is found all the same, and the other host stays as it is.
        const before = conditionOf(await host('host-2'), 'Ready');
        await weft.kill('network-svc');
        await weft.kill('host-1');
        weft.startServices('network-svc');
        await hostSays('host-1', { status: 'False', reason: 'HeartbeatsMissing', message: 'its agent has not been heard for ten seconds' });
        await nicSays('red-1', 'Pending', 'HostLost');
        expect(conditionOf(await host('host-2'), 'Ready')).toEqual(before);
        await answers(one.netns, '10.0.0.2');

        // A policy that it misses: a trace says what is wanted, what its kernel still does, and why.
        const traced = (what: string, is: (found: Trace) => boolean) =>
          until(`a trace to say that ${what}`, async () => {
            const found = await must<Trace>(url, 'GET', '/weft/v1/trace?from=nic/red-2&to=10.0.0.1&protocol=icmp&reading=applied');
            return is(found) && found;
          });
        const onlyItLags = ({ lags }: Trace) => lags.map(({ host }) => host).join() === 'host-1';
        const was = await traced('host-1 is not heard', onlyItLags);
        expect(was).toMatchObject({ verdict: 'delivered', lags: [{ reason: 'HeartbeatsMissing', rows: [] }] });
        await must(url, 'POST', POLICIES, {
          apiVersion: 'networking.ironcore.dev/v1alpha1',
          kind: 'NetworkPolicy',
          metadata: { name: 'closed' },
          spec: { networkRef: { name: 'red' }, networkInterfaceSelector: {}, policyTypes: ['Ingress'] },
        });
        const wanted = await traced(
          'only host-1 has not applied the policy',
          (found) => found.verdict === 'dropped' && onlyItLags(found) && found.applied.waiting.at(-1)?.hosts.join() === 'host-1',
        );
        // Whether it did so before it died, its reports leave open.
        const open = [{ verdict: 'delivered' }, { verdict: 'dropped' }];
        expect(wanted).toMatchObject({ reason: 'PolicyIngress', applied: { verdict: 'open', answers: open } });
        expect(wanted.lags[0]?.rows.map(({ table }) => table.split('.', 1)[0])).toContain('policies');
        await answers(two.netns, '10.0.0.1');

        await startAgent('host-1');
        await hostSays('host-1', { status: 'True' });
        await nicSays('red-1', 'Available', 'Programmed');
        await traced('all have applied it', ({ lags, applied }) => lags.length === 0 && applied.verdict === 'dropped');
        expect((await run(two.netns, ['ping', '-n', '-c', '1', '-W', '1', '10.0.0.1'])).code).not.toBe(0);
        await must(url, 'DELETE', `${POLICIES}/closed`);

        // Both are down, and come back with the address of the other.
        await weft.kill('host-1', 'host-2');
        for (const [name, at, to] of [
          ['host-1', 1, 2],
          ['host-2', 2, 1],
        ] as const) {
          await mounts.run('ip', '-n', name, 'address', 'del', `fd00:77::${at}/64`, 'dev', 'eth0');
          await mounts.run('ip', '-n', name, 'address', 'add', `fd00:77::${to}/64`, 'dev', 'eth0', 'nodad');
          await weft.startAgent(name, { WEFT_HOST_NETNS: name }, mounts.wrapper);
        }
        for (const [name, to] of [
          ['host-1', 2],
          ['host-2', 1],
        ] as const) {
          await until(`${name} to have its new address`, async () => {
            const { spec } = await host(name);
            return (spec['underlay'] as { ip?: string } | undefined)?.ip === `fd00:77::${to}`;
          });
          await hostSays(name, { status: 'True' });
        }
        await nicSays('red-1', 'Available', 'Programmed');
        await nicSays('red-2', 'Available', 'Programmed');
        await answers(one.netns, '10.0.0.2');
      }),
      260_000,
    );
  });
} else it.skip(`Hosts with real kernels (${unfit})`, () => {});
