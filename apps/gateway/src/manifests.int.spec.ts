/**
 * The manifests of resources 6 and those of the user's documents, sent to a gateway with all owners at work: each is answered as listed, and one that is
 * refused changes nothing in the log.
 */
import { readFileSync } from 'node:fs';
import { type Append, type JsonObject, owedByLog } from '@weft/api';
import { weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { parse, parseAllDocuments } from 'yaml';
import { type Answer, call } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

type Manifest = Readonly<{
  kind: string;
  name?: string | null;
  nameLength?: number;
  change?: JsonObject;
  spec?: JsonObject;
  /** Beside metadata, instead of a spec. */
  fields?: JsonObject;
  old?: JsonObject;
  update?: JsonObject;
  withoutVersion?: boolean;
  delete?: boolean;
  causes?: readonly string[];
  code?: number;
  /** The status code when unknown fields are refused. */
  strictly?: number;
  accepted?: boolean;
  stored?: JsonObject;
  absent?: readonly string[];
}>;
type Bases = Readonly<Record<string, JsonObject>>;

const fixture = (name: string): string => readFileSync(new URL(`./testing/fixtures/${name}.yaml`, import.meta.url), 'utf8');
const rejected = parse(fixture('rejected')) as Readonly<{ bases: Bases; cases: Readonly<Record<string, Manifest>> }>;
const surprising = parse(fixture('surprising')) as Readonly<{ bases: Bases; cases: Readonly<Record<string, readonly Manifest[]>> }>;
const kinds = new Map(weftDomains.flatMap((domain) => domain.kinds).map((module) => [module.kind, module]));

/** `null` takes a field away. */
const changed = (base: JsonObject, change: JsonObject = {}): JsonObject =>
  Object.fromEntries(Object.entries({ ...base, ...change }).filter(([, value]) => value !== null));

/** `Invalid spec.ips[0]`, … of an answer. */
function causesOf({ json }: Answer): readonly string[] {
  const { causes = [] } = (json['details'] ?? {}) as { causes?: readonly { reason: string; field: string }[] };
  return causes.map(({ reason, field }) => `${reason.replace('FieldValue', '')} ${field}`);
}

describe('A gateway that is sent the manifests of the specification', () => {
  let system: System;
  const pathOf = (kind: string, namespace: string, name?: string): string => {
    const { group, version, plural } = kinds.get(kind)!;
    return `/apis/${group}/${version}/namespaces/${namespace}/${plural}${name === undefined ? '' : `/${name}`}`;
  };
  const atRest = () =>
    until('all loops to rest', async () => {
      const { store, clock } = system.platform;
      const log: Append[] = [];
      for await (const page of store.readAppendPages()) log.push(...page);
      return owedByLog(weftDomains, log, clock.now().getTime()).length === 0;
    });
  const head = () => system.platform.store.head();

  beforeAll(async () => {
    system = await startSystem({ domains: weftDomains });
    for (const name of ['team-a', 'team-b']) await call(system.url, 'POST', '/api/v1/namespaces', { metadata: { name } });
  });
  afterAll(async () => {
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  /** The manifest as a body; `name` where it has none. */
  const bodyOf = (bases: Bases, { kind, fields, spec, change, nameLength, ...given }: Manifest, name: string): JsonObject => {
    const { group, version } = kinds.get(kind)!;
    const called = nameLength === undefined ? (given.name === undefined ? name : given.name) : 'a'.repeat(nameLength);
    const base = bases[kind] ?? {};
    const ownSpec = spec ?? changed(base, change);
    const hasSpec = kinds.get(kind)?.model?.fields === undefined;
    return {
      apiVersion: `${group}/${version}`,
      kind,
      metadata: { ...(called !== null && { name: called }), namespace: 'default' },
      ...(hasSpec && { spec: ownSpec }),
      ...fields,
    };
  };

  const send = async (bases: Bases, manifest: Manifest, name: string, query = ''): Promise<Answer> => {
    const { kind, update, withoutVersion } = manifest;
    const path = pathOf(kind, 'default', manifest.name ?? name);
    if (manifest.delete === true) return await call(system.url, 'DELETE', path);
    if (update === undefined) return await call(system.url, 'POST', `${pathOf(kind, 'default')}${query}`, bodyOf(bases, manifest, name));
    await atRest();
    const { json } = await call(system.url, 'GET', path);
    const { resourceVersion, ...metadata } = json['metadata'] as JsonObject;
    const body = { ...json, spec: changed(json['spec'] as JsonObject, update) };
    return await call(system.url, 'PUT', path, {
      ...body,
      metadata: withoutVersion === true ? metadata : { ...metadata, resourceVersion },
    });
  };

  describe('that must be accepted', () => {
    const documents = parseAllDocuments(fixture('accepted'));
    let number = '';
    const numbered = documents.map((document) => {
      number = /# (G-\d+)/.exec(document.toString())?.[1] ?? number;
      return [number, document.toJS() as JsonObject] as const;
    });
    /** What defaults make of a spec, by case. */
    const template = { ipFamily: 'IPv4', prefixLength: 32, parentSelector: { matchLabels: { pool: 'batch' } } };
    const stored: Readonly<Record<string, JsonObject>> = {
      'G-04': { ipFamilies: ['IPv4'], ips: [{ ephemeral: { prefixTemplate: { spec: template } } }] },
      'G-05': { ipFamilies: ['IPv6'] },
      'G-11': { policyTypes: ['Egress', 'Ingress'] },
      'G-13': { ipFamily: 'IPv4' },
      'G-14': { ipFamily: 'IPv4' },
      'G-16': { power: 'On', networkInterfaces: [{}, { ephemeral: { networkInterfaceTemplate: { spec: { ipFamilies: ['IPv4'] } } } }] },
    };

    it('are those of the list', () => {
      expect([...new Set(numbered.map(([each]) => each))].sort()).toEqual(
        Array.from({ length: 16 }, (_, at) => `G-${String(at + 1).padStart(2, '0')}`),
      );
    });

    it.each(numbered)('resources %s, E-29: is created, and a repeat says that it exists', async (each, manifest) => {
      const { kind, metadata, ...rest } = manifest as { kind: string; metadata: { name: string; namespace: string } };
      const { name, namespace } = metadata;
      const first = await call(system.url, 'POST', `${pathOf(kind, namespace)}?fieldValidation=Strict`, manifest);
      expect([first.code, first.text]).toEqual([201, expect.anything()]);
      const { apiVersion: _, spec, ...sent } = rest as unknown as JsonObject;
      expect(first.json).toMatchObject(sent);
      expect(first.json['spec'] ?? {}).toMatchObject({ ...(spec as JsonObject | undefined), ...stored[each] });
      expect((await call(system.url, 'GET', pathOf(kind, namespace, name))).code).toBe(200);
      expect((await call(system.url, 'POST', pathOf(kind, namespace), manifest)).code).toBe(409);
    });

    it('resources G-7: ports are 2048 when unset', async () => {
      const portsOf = async (name: string) =>
        ((await call(system.url, 'GET', pathOf('NATGateway', 'team-a', name))).json['spec'] as JsonObject)['portsPerNetworkInterface'];
      expect([await portsOf('egress'), await portsOf('egress-tiny')]).toEqual([2_048, 1]);
    });

    it('resources G-9: the template gets its family and its length', async () => {
      const { json } = await call(system.url, 'GET', pathOf('LoadBalancer', 'team-a', 'ledger'));
      const ephemeral = { prefixTemplate: { spec: { ipFamily: 'IPv6', prefixLength: 128, parentRef: { name: 'lb-pool-v6' } } } };
      expect(json['spec']).toMatchObject({ ips: [{ value: '10.40.3.3' }, { ephemeral }] });
    });
  });

  it.each(['network', 'virtualip', 'networkinterface', 'natgateway', 'loadbalancer', 'networkpolicy', 'loadbalancerrouting'])(
    'resources E-29: the user’s %s applies as it stands',
    async (name) => {
      const manifest = parse(fixture(`samples/${name}`)) as { kind: string; metadata: { name: string } };
      const { kind, metadata } = manifest;
      if (kind === 'LoadBalancerRouting') await call(system.url, 'DELETE', pathOf('LoadBalancer', 'default', metadata.name));
      await until('its name to be free', async () => (await call(system.url, 'GET', pathOf(kind, 'default', metadata.name))).code === 404);
      const { code, text } = await call(system.url, 'POST', `${pathOf(kind, 'default')}?fieldValidation=Strict`, manifest);
      expect([code, text]).toEqual([201, expect.anything()]);
    },
  );

  describe('that must be rejected', () => {
    const entries = Object.entries(rejected.cases);
    beforeAll(async () => {
      // Objects that updates are about.
      for (const [number, { kind, update, old = {} }] of entries) {
        if (update === undefined) continue;
        const change = kind === 'NetworkInterface' ? { networkRef: { name: number.toLowerCase() }, ...old } : old;
        const { code, text } = await send(rejected.bases, { kind, change }, number.toLowerCase());
        expect([number, code, text]).toEqual([number, 201, expect.anything()]);
      }
    });

    it.each(entries.filter(([, { accepted }]) => accepted !== true))(
      'resources %s, E-29: exactly these causes, and nothing is changed',
      async (number, manifest) => {
        await atRest();
        const before = await head();
        const answer = await send(rejected.bases, manifest, manifest.update === undefined ? 'web' : number.toLowerCase());
        const { causes = [], code = 422, strictly } = manifest;
        expect([answer.code, causesOf(answer)]).toEqual([code, causes]);
        if (strictly !== undefined) {
          expect((await send(rejected.bases, manifest, 'web', '?fieldValidation=Strict')).code).toBe(strictly);
        }
        expect(await head()).toBe(before);
      },
    );

    it.each(entries.filter(([, { accepted }]) => accepted === true))(
      'resources %s, E-29: is accepted, since filters are looked at one by one (2.1 (R))',
      async (number, manifest) => {
        expect((await send(rejected.bases, manifest, number.toLowerCase())).code).toBe(201);
      },
    );
  });

  it.each(Object.entries(surprising.cases))('resources %s, E-29: is answered as listed', async (number, steps) => {
    for (const [at, manifest] of steps.entries()) {
      const { causes, stored = {}, absent = [], update } = manifest;
      await atRest();
      const before = await head();
      const answer = await send(surprising.bases, manifest, `${number.toLowerCase()}-${at + 1}`);
      const code = causes !== undefined ? 422 : manifest.delete === true || update !== undefined ? 200 : 201;
      expect([at, answer.code, causesOf(answer)]).toEqual([at, code, causes ?? []]);
      if (causes !== undefined) expect(await head()).toBe(before);
      expect(answer.json).toMatchObject(stored);
      const [field, within] = absent;
      if (field !== undefined && within !== undefined) expect(answer.json[field] ?? {}).not.toHaveProperty(within);
    }
  });
});
