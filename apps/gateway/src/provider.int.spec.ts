/**
 * Weft started for an outside provider, over HTTP: the networking suites of upstream, whose tests play the provider by patching `/status` (resources 4.1).
 * And Weft as its own provider, which refuses that.
 */
import type { JsonObject } from '@weft/api';
import { createMemoryHub } from '@weft/bus';
import { SameSettings, weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { type Answer, call } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const NETWORKING = '/apis/networking.ironcore.dev/v1alpha1';
const UID = '6f1d3c5e-0000-4000-8000-000000000001';
const MERGE = { 'content-type': 'application/merge-patch+json' };

class Suite {
  readonly #system: System;
  readonly #namespace: string;

  constructor(system: System, namespace: string) {
    this.#system = system;
    this.#namespace = namespace;
  }

  async begin(): Promise<void> {
    await this.#expect(201, call(this.#system.url, 'POST', '/api/v1/namespaces', { metadata: { name: this.#namespace } }));
  }

  path(plural: string, name = '', below = ''): string {
    return `${NETWORKING}/namespaces/${this.#namespace}/${plural}${name === '' ? '' : `/${name}`}${below}`;
  }

  async create(plural: string, kind: string, name: string, spec: JsonObject, labels: JsonObject = {}): Promise<JsonObject> {
    const object = { apiVersion: 'networking.ironcore.dev/v1alpha1', kind, metadata: { name, labels }, spec };
    return this.#expect(201, call(this.#system.url, 'POST', this.path(plural), object));
  }

  async get(plural: string, name: string): Promise<JsonObject> {
    return this.#expect(200, call(this.#system.url, 'GET', this.path(plural, name)));
  }

  patch(plural: string, name: string, patch: JsonObject, below = ''): Promise<Answer> {
    return call(this.#system.url, 'PATCH', this.path(plural, name, below), patch, MERGE);
  }

  put(plural: string, name: string, object: JsonObject, below = ''): Promise<Answer> {
    return call(this.#system.url, 'PUT', this.path(plural, name, below), object);
  }

  /** As upstream's suites say that a provider has done its work. */
  async status(plural: string, name: string, status: JsonObject): Promise<void> {
    await this.#expect(200, this.patch(plural, name, { status }, '/status'));
  }

  async delete(plural: string, name: string): Promise<void> {
    await this.#expect(200, call(this.#system.url, 'DELETE', this.path(plural, name)));
  }

  gone(plural: string, name: string): Promise<unknown> {
    return until(`${name} is gone`, async () => (await call(this.#system.url, 'GET', this.path(plural, name))).code === 404);
  }

  async #expect(code: number, answering: Promise<Answer>): Promise<JsonObject> {
    const answer = await answering;
    expect([answer.code, answer.code === code ? '' : answer.text]).toEqual([code, '']);
    return answer.json;
  }
}

const uidOf = (object: JsonObject) => (object['metadata'] as { uid: string }).uid;

describe('An outside provider', () => {
  let system: System;
  let number = 0;
  let suite: Suite;
  beforeAll(async () => {
    system = await startSystem({ domains: weftDomains, provider: 'external' });
  });
  afterAll(async () => {
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });
  beforeEach(async () => {
    suite = new Suite(system, `suite-${++number}`);
    await suite.begin();
  });

  it('resources C-1: a star of Networks lists its peers once all are Available, and all of them go', async () => {
    const ns = `suite-${number}`;
    const item = (name: string, network: string, namespace?: string) => ({
      name,
      networkRef: { name: network, ...(namespace !== undefined && { namespace }) },
    });
    const hub = [item('peering-1', 'network-2', ns), item('peering-2', 'network-3'), item('peering-3', 'network-4', ns)];
    const uids = new Map([['network-1', uidOf(await suite.create('networks', 'Network', 'network-1', { peerings: hub }))]]);
    for (const i of [2, 3, 4]) {
      const spec = { peerings: [item(`peering-${i}`, 'network-1', ns)] };
      uids.set(`network-${i}`, uidOf(await suite.create('networks', 'Network', `network-${i}`, spec)));
    }
    expect((await suite.get('networks', 'network-1'))['status']).toEqual({});
    for (const name of uids.keys()) await suite.status('networks', name, { state: 'Available' });
    const claims = (...names: string[]) => names.map((name) => ({ namespace: ns, name, uid: uids.get(name) as string }));
    const incoming = async (name: string) => {
      const { spec } = (await suite.get('networks', name)) as { spec: { incomingPeerings?: JsonObject[] } };
      return [...(spec.incomingPeerings ?? [])].sort((a, b) => (String(a['name']) < String(b['name']) ? -1 : 1));
    };
    for (const [name, others] of [
      ['network-1', ['network-2', 'network-3', 'network-4']],
      ['network-2', ['network-1']],
      ['network-3', ['network-1']],
      ['network-4', ['network-1']],
    ] as const) {
      await until(`${name} lists its peers`, async () => (await incoming(name)).length === others.length);
      expect(await incoming(name)).toEqual(claims(...others));
      expect(((await suite.get('networks', name))['status'] as JsonObject)['state']).toBe('Available');
    }
    for (const name of uids.keys()) await suite.delete('networks', name);
    for (const name of uids.keys()) await suite.gone('networks', name);
  });

  it('resources C-12: a claim of a Network that does not exist is removed', async () => {
    await suite.create('networks', 'Network', 'network', { incomingPeerings: [{ name: 'should-not-exist', uid: UID }] });
    await until('the claim is gone', async () => {
      const { spec } = (await suite.get('networks', 'network')) as { spec?: { incomingPeerings?: unknown[] } };
      return (spec?.incomingPeerings ?? []).length === 0;
    });
  });

  it('resources C-13: an interface whose machine does not exist is free', async () => {
    const spec = { networkRef: { name: 'my-network' }, ips: [{ value: '10.0.0.1' }], machineRef: { name: 'should-not-exist', uid: UID } };
    await suite.create('networkinterfaces', 'NetworkInterface', 'nic', spec);
    await until('it is free', async () => {
      return ((await suite.get('networkinterfaces', 'nic'))['spec'] as JsonObject)['machineRef'] === undefined;
    });
  });

  it('resources C-14: a VirtualIP whose interface does not exist is free', async () => {
    const spec = { type: 'Public', ipFamily: 'IPv4', targetRef: { name: 'should-not-exist', uid: UID } };
    await suite.create('virtualips', 'VirtualIP', 'vip', spec);
    await until('it is free', async () => ((await suite.get('virtualips', 'vip'))['spec'] as JsonObject)['targetRef'] === undefined);
  });

  it('resources C-23: the routing of a balancer has the interface that the provider calls Available', async () => {
    const network = await suite.create('networks', 'Network', 'network', {});
    await suite.status('networks', 'network', { state: 'Available' });
    const spec = {
      type: 'Public',
      ipFamilies: ['IPv4'],
      networkRef: { name: 'network' },
      networkInterfaceSelector: { matchLabels: { foo: 'bar' } },
    };
    const balancer = await suite.create('loadbalancers', 'LoadBalancer', 'lb', spec);
    const routing = () => suite.get('loadbalancerroutings', 'lb');
    await until('the routing is there', async () => (await call(system.url, 'GET', suite.path('loadbalancerroutings', 'lb'))).code === 200);
    expect(await routing()).toMatchObject({
      metadata: { ownerReferences: [{ kind: 'LoadBalancer', uid: uidOf(balancer), controller: true }] },
    });
    expect((await routing())['destinations'] ?? []).toEqual([]);

    const of = { networkRef: { name: 'network' }, ips: [{ value: '10.0.0.1' }] };
    const nic = await suite.create('networkinterfaces', 'NetworkInterface', 'nic', of, { foo: 'bar' });
    expect((await suite.patch('networkinterfaces', 'nic', { spec: { providerID: 'my://provider-id' } })).code).toBe(200);
    await suite.status('networkinterfaces', 'nic', { state: 'Available', ips: ['10.0.0.1'] });
    const target = { ip: '10.0.0.1', targetRef: { uid: uidOf(nic), name: 'nic', providerID: 'my://provider-id' } };
    const count = async () => (((await routing())['destinations'] ?? []) as JsonObject[]).length;
    await until('it has the interface', async () => (await count()) === 1);
    expect(await routing()).toMatchObject({ networkRef: { name: 'network', uid: uidOf(network) }, destinations: [target] });
    expect((await suite.patch('networkinterfaces', 'nic', { metadata: { labels: { foo: null } } })).code).toBe(200);
    await until('it has none', async () => (await count()) === 0);
    expect((await routing())['networkRef']).toEqual({ name: 'network', uid: uidOf(network) });
  });

  it('replaces the status through PUT /status, of the present version only, and nothing but the status', async () => {
    await suite.create('networks', 'Network', 'network', {});
    const present = await suite.get('networks', 'network');
    const asked = { ...present, spec: { providerID: 'x' }, status: { state: 'Available' } };
    const answer = await suite.put('networks', 'network', asked, '/status');
    expect(answer).toMatchObject({ code: 200, json: { status: { state: 'Available' } } });
    expect((answer.json['spec'] as JsonObject | undefined)?.['providerID']).toBeUndefined();
    expect((await suite.put('networks', 'network', asked, '/status')).code).toBe(409);
    expect((await suite.patch('networks', 'network', { status: { state: 7 } }, '/status')).code).toBe(400);
    expect((await suite.patch('networks', 'network', { status: { state: 'Pending' } })).code).toBe(200);
    expect(((await suite.get('networks', 'network'))['status'] as JsonObject)['state']).toBe('Available');
  });
});

describe('Weft as its own provider', () => {
  const hub = createMemoryHub();
  let system: System;
  beforeAll(async () => {
    system = await startSystem({ domains: weftDomains, bus: hub.connect() });
  });
  afterAll(() => system.stop());

  it('resources 3.13: refuses writes to /status, with what would allow them', async () => {
    const suite = new Suite(system, 'own');
    await suite.begin();
    await suite.create('networks', 'Network', 'network', {});
    const answer = await suite.patch('networks', 'network', { status: { state: 'Error' } }, '/status');
    expect(answer).toMatchObject({ code: 403, json: { reason: 'Forbidden' } });
    expect(String(answer.json['message'])).toContain('WEFT_PROVIDER=external');
  });

  it('is not ready beside a process that was started for another provider', async () => {
    const ready = () => call(system.url, 'GET', '/readyz');
    await until('it is ready', async () => (await ready()).code === 200);
    const other = new SameSettings({ process: 'lb-svc', provider: 'external', bus: hub.connect(), clock: system.platform.clock });
    await other.start();
    await until('it has heard of it', async () => (await ready()).code === 503);
    expect((await ready()).text).toContain('gateway was started with WEFT_PROVIDER=weft, and lb-svc with WEFT_PROVIDER=external');
    await other.stop();
  });
});
