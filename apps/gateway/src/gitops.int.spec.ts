/**
 * A GitOps loop: a directory is applied again and again, while others edit what it says and delete what it made. In the end things are as the directory says,
 * and an apply that changes nothing appends nothing.
 */
import type { Append, JsonObject } from '@weft/api';
import { weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { Kubectl, kubectlVersions } from './testing/kubectl.ts';
import { call } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const ROUNDS = 20;
const NETWORKING = '/apis/networking.ironcore.dev/v1alpha1';
const merge = { 'content-type': 'application/merge-patch+json' };

const manifest = (kind: string, name: string, spec: string) => `apiVersion: networking.ironcore.dev/v1alpha1
kind: ${kind}
metadata: {name: ${name}, labels: {app: shop, tier: front}}
spec: ${spec}
`;
const DIRECTORY: Readonly<Record<string, string>> = {
  'network.yaml': manifest('Network', 'net', '{}'),
  'interfaces.yaml': [1, 2, 3]
    .map((i) => manifest('NetworkInterface', `nic-${i}`, `{networkRef: {name: net}, ipFamilies: [IPv6], ips: [{value: "2001:DB8::${i}"}]}`))
    .join('---\n'),
  'addresses.yaml': [1, 2].map((i) => manifest('VirtualIP', `vip-${i}`, '{type: Public, ipFamily: IPv4}')).join('---\n'),
};
const PLACES = [
  'networkinterfaces/nic-1',
  'virtualips/vip-1',
  'networkinterfaces/nic-2',
  'virtualips/vip-2',
  'networkinterfaces/nic-3',
] as const;

const [{ binary } = { binary: undefined }] = kubectlVersions.slice(-1);
const suite = binary === undefined ? describe.skip : describe;

suite(`A directory that is applied again and again${binary === undefined ? ' (skipped: kubectl is not here; node tools/setup.mjs test fetches it)' : ''}`, () => {
  let system: System;
  let kubectl: Kubectl;
  let directory: string;

  beforeAll(async () => {
    system = await startSystem({ domains: weftDomains, config: { services: [] } });
    kubectl = new Kubectl(binary as string, system.url);
    directory = kubectl.directory('shop', DIRECTORY);
  });
  afterAll(async () => {
    kubectl.remove();
    await system.stop();
  });

  /** What clients appended: loops may still be at work. */
  const written = async (): Promise<string[]> => {
    const appends: Append[] = [];
    for await (const page of system.platform.store.readAppendPages()) appends.push(...page);
    const events = appends.flatMap((append) => [...append.events]);
    return events.filter(({ metadata }) => metadata?.actor?.user === 'system:anonymous').map(({ stream, type }) => `${stream} ${type}`);
  };

  /** Changes a label of the directory's and adds one of its own. */
  const edit = (namespace: string, place: string, round: number) =>
    call(
      system.url,
      'PATCH',
      `${NETWORKING}/namespaces/${namespace}/${place}`,
      { metadata: { labels: { tier: 'back', seen: `${round}` } } },
      merge,
    );

  /** Deletes an object and makes it anew, with other labels. Somebody may have been quicker. */
  const replace = async (namespace: string, place: string) => {
    const path = `${NETWORKING}/namespaces/${namespace}/${place}`;
    const { json } = await call(system.url, 'GET', path);
    if (json['kind'] === 'Status') return;
    const { metadata, spec } = json as { metadata: { name: string; uid: string }; spec: JsonObject };
    await call(system.url, 'DELETE', path, { preconditions: { uid: metadata.uid } });
    await until('the object to go', async () => {
      const now = await call(system.url, 'GET', path);
      return now.code === 404 || (now.json['metadata'] as { uid?: string }).uid !== metadata.uid;
    });
    await call(system.url, 'POST', path.slice(0, path.lastIndexOf('/')), {
      metadata: { name: metadata.name, labels: { app: 'other' } },
      spec,
    });
  };

  it.each([
    ['on the client', 'client', []],
    ['on the server', 'server', ['--server-side', '--force-conflicts']],
  ])(
    '%s ends as it says, and changes nothing any more',
    async (_where, namespace, options) => {
      await kubectl.ok(['create', 'namespace', namespace]);
      const apply = () => kubectl.run(['apply', '-n', namespace, ...options, '-f', directory]);
      const place = (round: number) => PLACES[round % PLACES.length] as string;
      for (let round = 0; round < ROUNDS; round++) {
        // A round may fail: what it reads may be gone when it writes.
        await Promise.all([apply(), edit(namespace, place(round), round), replace(namespace, place(round + 2))]);
      }
      expect(await apply()).toMatchObject({ exit: 0 });
      for (const each of ['networks/net', ...PLACES]) {
        const { json } = await call(system.url, 'GET', `${NETWORKING}/namespaces/${namespace}/${each}`);
        expect(json['metadata']).toMatchObject({ labels: { app: 'shop', tier: 'front' } });
        expect(json['metadata']).not.toHaveProperty('deletionTimestamp');
      }
      const before = (await written()).length;
      const again = await apply();
      expect(again.out.trim().split('\n')).toEqual(
        Array(6).fill(expect.stringMatching(options.length === 0 ? / unchanged$/ : / serverside-applied$/)),
      );
      expect((await kubectl.run(['diff', '-n', namespace, ...options, '-f', directory])).out).toBe('');
      expect((await written()).slice(before)).toEqual([]);
    },
    240_000,
  );
});
