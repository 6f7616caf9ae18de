/**
 * A stranger adds a kind: one folder (testing/invented-kind) and one line, the one with `domainOf` below. Everything else finds it by itself: HTTP, tables,
 * OpenAPI, kubectl, gRPC, watches, commands and claims, loops, rows, and the emptying of namespaces.
 */
import { type DomainModule, domainOf, type JsonObject, owedByLog } from '@weft/api';
import { createRowSubscriber, freePort, type RowSubscriber } from '@weft/bus';
import { weftDomains } from '@weft/service';
import { World } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { type Answer, Door } from './testing/grpc-door.ts';
import { channelsOf } from './testing/invented-kind/beacon.channels.ts';
import { beaconPart } from './testing/invented-kind/beacon.part.ts';
import { Kubectl, kubectlVersions } from './testing/kubectl.ts';
import { call, openWatch } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const lbDomain = domainOf('lb', [beaconPart]);
const domains: readonly DomainModule[] = weftDomains.map((domain) => (domain.context === lbDomain.context ? lbDomain : domain));

const API = '/apis/invented.weft.dev/v1alpha1';
const NETWORKS = '/apis/networking.ironcore.dev/v1alpha1';
const beacon = (name: string, network: string, more: JsonObject = {}, finalizers: string[] = []) => ({
  apiVersion: 'invented.weft.dev/v1alpha1',
  kind: 'Beacon',
  metadata: { name, namespace: 'default', ...(finalizers.length > 0 && { finalizers }) },
  spec: { networkRef: { name: network }, ...more },
});
const network = (name: string) => ({
  apiVersion: 'networking.ironcore.dev/v1alpha1',
  kind: 'Network',
  metadata: { name, namespace: 'default' },
  spec: {},
});

describe('An invented kind, in a World', () => {
  function started(seed = 1): World {
    const world = new World({ domains, seed, duplicates: 0.2, lag: 0.2, conflicts: 0.1 });
    world.create({ kind: 'Namespace', metadata: { name: 'default' } });
    return world;
  }
  const key = (name: string) => ({ kind: 'Beacon', namespace: 'default', name });

  it.each([1, 2, 3, 4])('has its claims, its loop and its release carried out (seed %i)', (seed) => {
    const world = started(seed);
    for (const name of ['a', 'b', 'c']) expect(world.create(beacon(name, 'net')).ok).toBe(true);
    expect(world.create(beacon('d', 'net'))).toMatchObject({ ok: false, status: { message: 'all channels are in use' } });
    expect(world.object(key('a'))?.status).toMatchObject({ state: 'Dark', channel: 1 });
    world.create(network('net'));
    expect(world.object(key('a'))?.status).toMatchObject({ state: 'Shining' });
    world.delete(key('a'));
    expect(world.create(beacon('d', 'net')).ok).toBe(true);
    expect(world.object(key('d'))?.status).toMatchObject({ state: 'Shining', channel: 1 });
    expect([...world.reservation<Map<string, number>>(channelsOf('default')).values()].sort()).toEqual([1, 2, 3]);
    world.delete({ kind: 'Network', namespace: 'default', name: 'net' });
    expect(world.object(key('d'))?.status).toMatchObject({ state: 'Dark' });
    expect(world.refusals).toEqual([]);
    expect(owedByLog(domains, world.appends)).toEqual([]);
  });

  it('has a claim given back whose object never came', () => {
    const world = started();
    const requestId = 'cccccccc-0000-4000-8000-000000000001';
    world.claimOnly(
      { stream: channelsOf('default'), command: { type: 'ClaimChannel', namespace: 'default', name: 'lost', uid: 'u' } },
      requestId,
    );
    world.pass(60_000);
    expect(world.reservation<Map<string, number>>(channelsOf('default')).size).toBe(0);
  });
});

describe('An invented kind, served', () => {
  let system: System;
  let rows: RowSubscriber;
  let door: Door;
  const list = `${API}/namespaces/default/beacons`;
  const get = async (name: string) => (await call(system.url, 'GET', `${list}/${name}`)).json as { status?: JsonObject; spec?: JsonObject };
  const make = (body: unknown) => call(system.url, 'POST', list, body);
  const merge = (path: string, body: unknown) =>
    call(system.url, 'PATCH', path, JSON.stringify(body), { 'content-type': 'application/merge-patch+json' });

  beforeAll(async () => {
    const grpc = `127.0.0.1:${await freePort()}`;
    system = await startSystem({ domains, config: { grpc } });
    door = new Door(grpc);
    rows = createRowSubscriber({ bus: system.platform.bus, contexts: ['lb'], log: system.platform.log });
  });
  afterAll(async () => {
    door.close();
    await rows.close();
    await system.stop();
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
  });

  it('is discovered, described and listed as a table', async () => {
    const { json } = await call(system.url, 'GET', API);
    expect((json['resources'] as JsonObject[]).map(({ name }) => name)).toContain('beacons');
    const openapi = await call(system.url, 'GET', '/openapi/v3/apis/invented.weft.dev/v1alpha1');
    expect(openapi.text).toContain('A light that stands in a network.');
    const table = await call(system.url, 'GET', `${API}/beacons`, undefined, { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' });
    expect((table.json['columnDefinitions'] as JsonObject[]).map(({ name }) => name)).toEqual(['Name', 'State', 'Colour', 'Age']);
  });

  it('is checked, made, changed by its loop, watched, projected into rows, and goes after its finalizer', async () => {
    const refused = await make({ ...beacon('bad', 'net'), spec: { colour: 'mauve' } });
    expect([refused.code, refused.text]).toEqual([422, expect.stringContaining('spec.networkRef.name')]);
    const watch = await openWatch(system.url, `${list}?watch=true`);
    expect((await make(beacon('one', 'net', {}, ['example.com/hold']))).json).toMatchObject({
      spec: { colour: 'red' },
      status: { state: 'Dark', channel: 1 },
    });
    const net = await call(system.url, 'POST', `${NETWORKS}/namespaces/default/networks`, network('net'));
    expect(net.code).toBe(201);
    await watch.until('it shines', (events) => events.some(({ object }) => (object['status'] as JsonObject)['state'] === 'Shining'));

    const table = `beacons.${system.follower.get({ kind: 'Network', namespace: 'default', name: 'net' })?.facts['vni']}`;
    rows.follow('lb', table);
    const row = () => [...(rows.view(table)?.rows.values() ?? [])][0];
    await until('its row', () => row()?.['colour'] === 'red');
    expect((await merge(`${list}/one`, { spec: { colour: 'green' } })).code).toBe(200);
    await until('its row in another colour', () => row()?.['colour'] === 'green');

    expect((await call(system.url, 'DELETE', `${list}/one`)).code).toBe(200);
    expect((await get('one')) as JsonObject).toMatchObject({ metadata: { deletionTimestamp: expect.any(String) } });
    await merge(`${list}/one`, { metadata: { finalizers: null } });
    await watch.until('its end', (events) => events.some(({ type }) => type === 'DELETED'));
    await until('no row', () => row() === undefined);
    watch.close();
    // Its channel is free again.
    for (const name of ['x', 'y', 'z']) expect((await make(beacon(name, 'net'))).code).toBe(201);
    expect((await make(beacon('four', 'net'))).code).toBe(400);
    for (const name of ['x', 'y', 'z']) await call(system.url, 'DELETE', `${list}/${name}`);
  });

  it('is made, changed, listed, watched and deleted over gRPC, with its events', async () => {
    const beacons = { group: 'invented.weft.dev', version: 'v1alpha1', resource: 'beacons', namespace: 'default' };
    const target = { ...beacons, name: 'far' };
    const ask = async (rpc: string, request: object) => JSON.parse(((await door.send(rpc, request)) as Answer).json);
    const watch = door.watch({ target: beacons });
    const shown = (async () => {
      const types: unknown[] = [];
      for await (const { type, json = '{}' } of watch) {
        if (JSON.parse(json).metadata?.name === 'far') types.push(type);
        if (type === 'DELETED') break;
      }
      return types;
    })();
    const made = await ask('Create', { target: beacons, json: JSON.stringify(beacon('far', 'net')) });
    expect(made).toMatchObject({ kind: 'Beacon', spec: { colour: 'red' }, status: { channel: 1 } });
    const type = 'application/merge-patch+json';
    const patched = await ask('Patch', { target, json: '{"spec":{"colour":"green"}}', type });
    expect([patched, await ask('Get', { target })]).toMatchObject([{ spec: { colour: 'green' } }, { spec: { colour: 'green' } }]);
    expect((await ask('List', { target: beacons })).items).toMatchObject([{ metadata: { name: 'far' } }]);
    expect(await door.send('Create', { target: beacons, json: JSON.stringify({ ...beacon('bad', 'net'), spec: {} }) })).toMatchObject({
      status: { details: { causes: [{ field: 'spec.networkRef.name' }] } },
    });
    await ask('Delete', { target });
    expect((await shown).slice(0, 1)).toEqual(['ADDED']);
    expect((await shown).at(-1)).toBe('DELETED');
    const { changes } = await ask('Changes', { target });
    expect(JSON.stringify(changes)).toContain('Beacon');
  });

  it('is deleted with its namespace', async () => {
    await call(system.url, 'POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } });
    const there = `${API}/namespaces/team/beacons`;
    const { code } = await call(system.url, 'POST', there, { ...beacon('one', 'net'), metadata: { name: 'one', namespace: 'team' } });
    expect(code).toBe(201);
    await call(system.url, 'DELETE', '/api/v1/namespaces/team');
    await until('the namespace is gone', async () => (await call(system.url, 'GET', '/api/v1/namespaces/team')).code === 404);
    expect((await call(system.url, 'GET', there)).json['items']).toEqual([]);
  });

  for (const { version, binary } of kubectlVersions) {
    const test = binary === undefined ? it.skip : it;
    test(`works through kubectl ${version}${binary === undefined ? ' (skipped: the binary is not here; node tools/setup.mjs test fetches it)' : ''}`, async () => {
      const kubectl = new Kubectl(binary as string, system.url);
      const manifest = (colour: string) => kubectl.file(`${colour}.yaml`, JSON.stringify(beacon('kube', 'net', { colour })));
      try {
        expect(await kubectl.ok(['api-resources'])).toMatch(/^beacons +bcn +invented\.weft\.dev\/v1alpha1 +true +Beacon$/m);
        expect(await kubectl.ok(['apply', '-f', manifest('blue')])).toBe('beacon.invented.weft.dev/kube created\n');
        expect(await kubectl.ok(['wait', '--for=condition=Ready', 'bcn/kube', '--timeout=50s'])).toContain('condition met');
        expect(await kubectl.ok(['get', 'bcn'])).toMatch(/^NAME +STATE +COLOUR +AGE\nkube +Shining +blue +\d+s\n$/);
        expect(await kubectl.ok(['apply', '-f', manifest('green')])).toContain('configured');
        expect(await kubectl.ok(['get', 'bcn', '--field-selector', 'spec.colour=green', '-o', 'name'])).toContain('kube');
        expect(await kubectl.ok(['describe', 'bcn', 'kube'])).toContain('Shining');
        expect(await kubectl.ok(['explain', 'beacon.spec.colour'])).toContain('What it looks like.');
        expect(await kubectl.ok(['get', 'weft'])).toContain('kube');
        expect(await kubectl.ok(['delete', 'bcn', 'kube'])).toContain('"kube" deleted');
      } finally {
        kubectl.remove();
      }
    });
  }
});
