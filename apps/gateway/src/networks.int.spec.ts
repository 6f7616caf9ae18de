/** The kinds that Weft serves, with all their owners at work, and the documents' own manifests. */
import type { JsonObject } from '@weft/api';
import { weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { Kubectl, kubectlVersions } from './testing/kubectl.ts';
import { call } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const fixture = (name: string) => new URL(`./testing/fixtures/${name}.yaml`, import.meta.url).pathname;

for (const { version, binary } of kubectlVersions) {
  const suite = binary === undefined ? describe.skip : describe;
  suite(`Networks through kubectl ${version}${binary === undefined ? ' (skipped: the binary is not here; node tools/setup.mjs test fetches it)' : ''}`, () => {
    let system: System;
    let kubectl: Kubectl;
    const ok = (...args: string[]) => kubectl.ok(args);
    beforeAll(async () => {
      system = await startSystem({ domains: weftDomains });
      kubectl = new Kubectl(binary as string, system.url);
    });
    afterAll(async () => {
      kubectl.remove();
      expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
      await system.stop();
    });

    it('every kind is there', async () => {
      const resources = await ok('api-resources', '-o', 'name');
      const creatable = await ok('api-resources', '-o', 'name', '--verbs=create');
      for (const name of [
        'events',
        'events.events.k8s.io',
        'hosts.fabric.weft.dev',
        'machines.compute.ironcore.dev',
        'namespaces',
        'networkinterfaces.networking.ironcore.dev',
        'networks.networking.ironcore.dev',
      ]) {
        expect(resources.split('\n')).toContain(name);
      }
      // What a policy comes to is written by nobody.
      const readOnly = resources.split('\n').filter((name) => !creatable.split('\n').includes(name));
      expect(readOnly.sort()).toEqual(['networkpolicyrules.networking.ironcore.dev']);
      for (const kind of ['network', 'networkinterface', 'machine', 'host', 'namespace']) {
        expect(await ok('get', kind, '-A')).toBeDefined();
        expect(await ok('explain', kind)).toContain('metadata');
      }
      expect(await ok('explain', 'network.spec.peerings.networkRef')).toContain('name');
    });

    it('the documents’ network and interface apply as they stand', async () => {
      expect(await ok('apply', '-f', fixture('samples/network'))).toBe('network.networking.ironcore.dev/network-sample created\n');
      expect(await ok('apply', '-f', fixture('samples/networkinterface'))).toBe(
        'networkinterface.networking.ironcore.dev/networkinterface-sample created\n',
      );
      expect(await ok('wait', '--for=condition=Ready', 'net/network-sample', '--timeout=50s')).toContain('condition met');
      const network = JSON.parse(await ok('get', 'net', 'network-sample', '-o', 'json'));
      expect(network.spec.providerID).toMatch(new RegExp(`^ironcore-net://default/network-sample/\\d+/${network.metadata.uid}$`));
      expect(network.status.state).toBe('Available');
      expect(await ok('get', 'net')).toMatch(/^NAME +STATE +PROVIDERID +AGE\nnetwork-sample +Available +ironcore-net:\/\//);
      expect(await ok('get', 'nic')).toMatch(/networkinterface-sample +network-sample +<none> +10\.0\.0\.1 .* Pending/);
      expect(await ok('apply', '-f', fixture('samples/networkinterface'))).toContain('unchanged');
      expect(await ok('describe', 'nic', 'networkinterface-sample')).toContain('NotAttached');
      const taken = await kubectl.run(['create', '-f', '-'], {
        input: `apiVersion: networking.ironcore.dev/v1alpha1
kind: NetworkInterface
metadata: {name: second}
spec: {networkRef: {name: network-sample}, ips: [{value: 10.0.0.1}]}
`,
      });
      expect([taken.exit, taken.err]).toEqual([1, expect.stringContaining('10.0.0.1')]);
    });

    it('the documents’ other manifests apply as they stand', async () => {
      for (const name of ['virtualip', 'natgateway', 'loadbalancer', 'networkpolicy']) {
        expect(await ok('apply', '-f', fixture(`samples/${name}`))).toMatch(/ created\n$/);
        expect(await ok('apply', '-f', fixture(`samples/${name}`))).toMatch(/ unchanged\n$/);
      }
      for (const name of ['natgateway', 'loadbalancer']) await ok('delete', '-f', fixture(`samples/${name}`));
    });

    it('what happened to an object is told, by get events and by describe', async () => {
      await kubectl.ok(['create', '-f', '-'], {
        input: `apiVersion: ipam.ironcore.dev/v1alpha1
kind: PrefixAllocation
metadata: {name: asks}
spec: {ipFamily: IPv4, prefixLength: 24, prefixSelector: {matchLabels: {for: nobody}}}
`,
      });
      await until('the event', async () => (await ok('get', 'events')).includes('NoSuitablePrefix'));
      expect(await ok('get', 'events', '--field-selector', 'type=Warning,involvedObject.name=asks')).toMatch(
        /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\S+ +Warning +NoSuitablePrefix +prefixallocation\/asks +/,
      );
      expect(await ok('describe', 'prefixallocation', 'asks')).toMatch(/Events:\n(.*\n)+ +Warning +NoSuitablePrefix +\S+ +weft +/);
      if (version !== '1.20') {
        const told = /^LAST SEEN +TYPE +REASON +OBJECT +MESSAGE\n\S+ +Warning +NoSuitablePrefix +PrefixAllocation\/asks +/;
        expect(await ok('events', '--for', 'prefixallocation.ipam.ironcore.dev/asks')).toMatch(told);
        expect(await ok('events', '--for', 'prefixallocation/asks', '--types=Warning')).toMatch(told);
        expect(await ok('events', '--types=Warning')).toContain('PrefixAllocation/asks');
      }
      const { json } = await call(
        system.url,
        'GET',
        '/api/v1/namespaces/default/events?fieldSelector=involvedObject.name=asks,reason=NoSuitablePrefix',
      );
      const [event = {}] = json.items as JsonObject[];
      expect(event).toMatchObject({ kind: 'Event', type: 'Warning', count: 1, involvedObject: { kind: 'PrefixAllocation', name: 'asks' } });
      // A client says something about it, too.
      const { uid, namespace } = event['involvedObject'] as JsonObject;
      await kubectl.ok(['create', '-f', '-'], {
        input: JSON.stringify({
          apiVersion: 'v1',
          kind: 'Event',
          metadata: { name: 'asks.17a', namespace },
          involvedObject: { apiVersion: 'ipam.ironcore.dev/v1alpha1', kind: 'PrefixAllocation', namespace, name: 'asks', uid },
          reason: 'AskedAgain',
          message: 'by a client',
          type: 'Normal',
          source: { component: 'client' },
        }),
      });
      expect(await ok('describe', 'prefixallocation', 'asks')).toMatch(/Events:\n(.*\n)+ +Normal +AskedAgain +\S+ +client +by a client/);
      expect(await ok('get', 'events.v1.events.k8s.io', 'asks.17a', '-o', 'jsonpath={.note} {.regarding.name}')).toBe('by a client asks');
      if (version !== '1.20')
        expect(await ok('events', '--for', 'prefixallocation/asks')).toMatch(
          /NoSuitablePrefix(.*\n)+.*AskedAgain|AskedAgain(.*\n)+.*NoSuitablePrefix/,
        );
      expect(await ok('delete', 'event', 'asks.17a')).toContain('deleted');
      const { name } = event['metadata'] as JsonObject;
      expect((await call(system.url, 'GET', `/api/v1/namespaces/default/events/${name}`)).code).toBe(200);
    });

    it('all that must be accepted is', async () => {
      for (const namespace of ['team-a', 'team-b']) await ok('create', 'namespace', namespace);
      const applied = (await ok('apply', '-f', fixture('accepted'))).trim().split('\n');
      expect(applied).toHaveLength(19);
      for (const line of applied) expect(line).toMatch(/ created$/);
    });

    it('resources G-04: an interface with everything from templates has its address, which is free once it has gone', async () => {
      const inTeam = (...args: string[]) => ok(...args, '-n', 'team-a');
      expect(await inTeam('wait', '--for=condition=AddressesAllocated', 'nic/batch-7', '--timeout=50s')).toContain('condition met');
      const [, ip] = /batch-7 +core +<none> +(10\.40\.\d+\.\d+) +<none> /.exec(await inTeam('get', 'nic', 'batch-7')) ?? [];
      const prefix = /batch-7-0 +(\S+) +site-v4 +Allocated/.exec(await inTeam('get', 'prefixes', 'batch-7-0'))?.[1];
      expect(prefix).toBe(`${ip}/32`);
      await inTeam('delete', 'nic', 'batch-7');
      expect((await kubectl.run(['get', 'prefixes', 'batch-7-0', '-n', 'team-a'])).exit).toBe(1);
    });

    it('resources 3.6, U-15: an interface says which Prefix it waits for, until that has its range', async () => {
      const template = '{ephemeral: {prefixTemplate: {spec: {ipFamily: IPv4, prefixLength: 32, parentRef: {name: late}}}}}';
      const nic = `apiVersion: networking.ironcore.dev/v1alpha1
kind: NetworkInterface
metadata: {name: waiting, namespace: team-a}
spec: {networkRef: {name: core}, ipFamilies: [IPv4], ips: [${template}]}
`;
      const pool = `apiVersion: ipam.ironcore.dev/v1alpha1
kind: Prefix
metadata: {name: late, namespace: team-a}
spec: {prefix: 10.77.0.0/24}
`;
      await kubectl.ok(['create', '-f', '-'], { input: nic });
      await ok('wait', '--for=condition=AddressesAllocated=False', 'nic/waiting', '-n', 'team-a', '--timeout=50s');
      const describe = () => ok('describe', 'nic', 'waiting', '-n', 'team-a');
      await until('it names its Prefix and the parent', async () => /"waiting-0" is Allocated.*Prefix late/.test(await describe()));
      await kubectl.ok(['create', '-f', '-'], { input: pool });
      expect(await ok('wait', '--for=condition=AddressesAllocated', 'nic/waiting', '-n', 'team-a', '--timeout=50s')).toContain(
        'condition met',
      );
      expect(await ok('get', 'nic', 'waiting', '-n', 'team-a')).toMatch(/waiting +core +<none> +10\.77\.0\.0 /);
    });

    it('what is wrong is said', async () => {
      const refused = await kubectl.run(['create', '-f', '-'], {
        input: `apiVersion: networking.ironcore.dev/v1alpha1
kind: NetworkInterface
metadata: {name: bad}
spec: {networkRef: {name: Bad_Name}, ips: [{value: 10.0.0.9}]}
`,
      });
      expect([refused.exit, refused.err]).toEqual([1, expect.stringContaining('spec.networkRef.name')]);
      const address = await kubectl.run(['create', '--validate=false', '-f', '-'], {
        input: `apiVersion: networking.ironcore.dev/v1alpha1
kind: NetworkInterface
metadata: {name: bad}
spec: {networkRef: {name: n}, ips: [{value: 10.0.0.300}]}
`,
      });
      expect([address.exit, address.err]).toEqual([1, expect.stringContaining('10.0.0.300')]);
    });

    it('a network in use goes last', async () => {
      const deleting = kubectl.start(['delete', 'net', 'network-sample']);
      await deleting.shows('deleted');
      const network = JSON.parse(await ok('get', 'net', 'network-sample', '-o', 'json'));
      expect(network.metadata.deletionTimestamp).toBeDefined();
      await ok('delete', 'nic', 'networkinterface-sample');
      expect((await deleting.done).exit).toBe(0);
      expect((await kubectl.run(['get', 'net', 'network-sample'])).exit).toBe(1);
    });

    it('a namespace is emptied', async () => {
      await ok('delete', 'namespace', 'team-b');
      expect((await call(system.url, 'GET', '/api/v1/namespaces/team-b')).code).toBe(404);
      const { json } = await call(system.url, 'GET', '/apis/networking.ironcore.dev/v1alpha1/namespaces/team-b/networks');
      expect(json['items'] as JsonObject[]).toEqual([]);
    });
  });
}
