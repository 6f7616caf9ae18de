/**
 * Worlds whose processes are killed between two steps of loops, which are appends, for tests that the end is the same as without that (DESIGN 8). Clients that
 * got no answer send the same again; loops are asked anew, and some of their commands come twice or late.
 */
import { readFileSync } from 'node:fs';
import type { JsonObject, ObjectKey } from '@weft/api';
import { parseAllDocuments } from 'yaml';
import { tour } from '../graph/tour.ts';
import { endState } from './end-state.ts';
import { KilledWorld } from './killed-world.ts';
import type { World, WorldOptions } from './world.ts';
import { WorldAgent } from './world-agent.ts';

const read = (name: string) => readFileSync(new URL(`../../../../demo/${name}.yaml`, import.meta.url), 'utf8');
const application = parseAllDocuments(read('two-tier').replaceAll('<host>', 'host-a')).map((each) => each.toJS() as JsonObject);
const ipam = (kind: string, name: string, spec: JsonObject): JsonObject => ({
  apiVersion: 'ipam.ironcore.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
});
const manifests = [
  ...application,
  ipam('Prefix', 'site', { prefix: '10.0.0.0/16' }),
  ipam('Prefix', 'servers', { ipFamily: 'IPv4', prefixLength: 24, parentRef: { name: 'site' } }),
  ipam('PrefixAllocation', 'range', { ipFamily: 'IPv4', prefixLength: 28, prefixRef: { name: 'servers' } }),
];
const keyOf = ({ kind, metadata }: JsonObject): ObjectKey => ({
  kind: kind as string,
  namespace: 'default',
  name: (metadata as { name: string }).name,
});

/** The two-tier application is applied, is at work, and is deleted. */
export function lifeOfApplication(options: WorldOptions) {
  const world = new KilledWorld({ duplicates: 0.3, ...options });
  world.create({ kind: 'Namespace', metadata: { name: 'default' } });
  world.create({ kind: 'AddressPool', metadata: { name: 'default' }, spec: { prefixes: ['203.0.113.0/24'] } });
  const agent = new WorldAgent(world, 'host-a', '192.0.2.1');
  agent.register();
  for (const manifest of manifests)
    world.create({ ...manifest, metadata: { ...(manifest['metadata'] as JsonObject), namespace: 'default' } });
  agent.report();
  const kinds = new Set([...world.fold.all()].flatMap(({ status, key }) => (status === 'live' ? [key.kind] : [])));
  const applied = endState(world);
  for (const manifest of manifests) world.send({ verb: 'delete', key: keyOf(manifest) });
  world.settle();
  for (let round = 0; round < 2; round++) {
    agent.report();
    world.pass(600_000);
  }
  return { appends: world.appends.length, kinds, applied, gone: endState(world), refusals: world.refusals };
}

/** The tour, in which every loop has work, in a World that is killed after the appends that `isKilled` picks by their number. */
export function tourKilled(seed: number, isKilled: (append: number) => boolean) {
  const worlds: World[] = [];
  let appends = 0;
  tour((options = {}) => {
    const world = new KilledWorld({ ...options, seed, duplicates: 0.3, killedAfter: () => isKilled(++appends) });
    worlds.push(world);
    return world;
  });
  // What rests has rested, however much time it took.
  for (const world of worlds) world.pass(3_600_000);
  return { appends, states: worlds.map(endState) };
}
