/** What objects own, through kubectl: a Machine with everything that is made for it, deleted in each of the ways that there are (http-api 12). */
import type { JsonObject } from '@weft/api';
import { weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { Kubectl, kubectlVersions } from './testing/kubectl.ts';
import { call } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const NETWORKING = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default';
const machine = (name: string) => `apiVersion: compute.ironcore.dev/v1alpha1
kind: Machine
metadata: {name: ${name}}
spec:
  networkInterfaces:
    - name: one
      ephemeral:
        networkInterfaceTemplate:
          spec:
            networkRef: {name: net}
            ipFamilies: [IPv4]
            ips: [{ephemeral: {prefixTemplate: {spec: {ipFamily: IPv4, prefix: 10.0.0.1/32}}}}]
            virtualIP: {ephemeral: {virtualIPTemplate: {spec: {type: Public, ipFamily: IPv4}}}}
`;

for (const { version, binary } of kubectlVersions) {
  const suite = binary === undefined ? describe.skip : describe;
  suite(`Owners through kubectl ${version}${binary === undefined ? ' (skipped: the binary is not here; node tools/setup.mjs test fetches it)' : ''}`, () => {
    let system: System;
    let kubectl: Kubectl;
    const ok = (...args: string[]) => kubectl.ok(args);
    const names = async () =>
      (await ok('get', 'machine,networkinterface,prefix,virtualip', '-o', 'name')).split('\n').filter((name) => name !== '');
    const settled = async (wanted: readonly string[]) => {
      let found: readonly string[] = [];
      await until(
        () => `${wanted.join(', ')} and not ${found.join(', ')}`,
        async () => {
          found = await names();
          return found.length === wanted.length && found.every((name) => wanted.includes(name));
        },
      );
    };
    const of = (name: string) => [
      `machine.compute.ironcore.dev/${name}`,
      `networkinterface.networking.ironcore.dev/${name}-one`,
      `prefix.ipam.ironcore.dev/${name}-one-0`,
      `virtualip.networking.ironcore.dev/${name}-one`,
    ];
    beforeAll(async () => {
      system = await startSystem({ domains: weftDomains });
      kubectl = new Kubectl(binary as string, system.url);
      await kubectl.ok(['create', '-f', '-'], {
        input: 'apiVersion: networking.ironcore.dev/v1alpha1\nkind: Network\nmetadata: {name: net}\n',
      });
    });
    afterAll(async () => {
      kubectl.remove();
      expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
      await system.stop();
    });

    it('kubectl delete machine leaves nothing', async () => {
      await kubectl.ok(['create', '-f', '-'], { input: machine('m') });
      await settled(of('m'));
      await ok('delete', 'machine', 'm');
      await settled([]);
    });

    it('kubectl delete machine --cascade=foreground waits for what it owns', async () => {
      await kubectl.ok(['create', '-f', '-'], { input: machine('f') });
      await settled(of('f'));
      const hold = (finalizers: string[] | null): Promise<unknown> =>
        call(system.url, 'PATCH', `${NETWORKING}/networkinterfaces/f-one`, JSON.stringify({ metadata: { finalizers } } as JsonObject), {
          'content-type': 'application/merge-patch+json',
        });
      await hold(['example.com/hold']);
      // An old kubectl knows two ways only, and asks for this one in the request.
      const deleting =
        version === '1.20'
          ? call(system.url, 'DELETE', '/apis/compute.ironcore.dev/v1alpha1/namespaces/default/machines/f?propagationPolicy=Foreground')
          : kubectl.run(['delete', 'machine', 'f', '--cascade=foreground']);
      await until(
        'the interface to go',
        async () => (await ok('get', 'nic', 'f-one', '-o', 'jsonpath={.metadata.deletionTimestamp}')) !== '',
      );
      expect(await ok('get', 'machine', 'f', '-o', 'jsonpath={.metadata.finalizers}')).toContain('foregroundDeletion');
      await hold(null);
      await deleting;
      await settled([]);
    });

    it('kubectl delete machine --cascade=orphan leaves what it owned, without an owner', async () => {
      await kubectl.ok(['create', '-f', '-'], { input: machine('o') });
      await settled(of('o'));
      await ok('delete', 'machine', 'o', version === '1.20' ? '--cascade=false' : '--cascade=orphan');
      await settled(of('o').slice(1));
      expect(await ok('get', 'nic', 'o-one', '-o', 'jsonpath={.metadata.ownerReferences}')).toBe('');
      await ok('delete', 'nic', 'o-one');
      await settled([]);
    });
  });
}
