/** A World with a Network and two hosts, and what tests of how interfaces, machines and hosts behave together ask of it. */
import { conditionOf, factsOf, type JsonObject, type Reply } from '@weft/api';
import { World, WorldAgent } from '@weft/testing';
import { Host } from '../host/host.types.ts';
import { nicKey } from '../keys.ts';
import { factsOfNic } from './facts.ts';
import { machine, namespace, network, nic } from './manifests.ts';

/** Each test runs with the loops in several orders. */
export const ORDERS = [1, 2, 3, 4, 5, 6];

export type Started = { world: World; a: WorldAgent; b: WorldAgent };

export function startedWith(seed: number): Started {
  const world = new World({ seed, duplicates: 0.3 });
  world.create(namespace('ns'));
  world.create(network('net'));
  const [a, b] = [new WorldAgent(world, 'host-a', '192.0.2.1'), new WorldAgent(world, 'host-b', '192.0.2.2')];
  a.register();
  b.register();
  return { world, a, b };
}
export const held = (world: World, host: string) => factsOf(world.fold).get(Host, { name: host })?.facts.held;
export const facts = (world: World, name: string) => factsOfNic(world.get(nicKey('ns', name))!);
export const ready = (world: World, name: string) => conditionOf(world.object(nicKey('ns', name))!, 'Ready');
export const state = (world: World, name: string) => world.object(nicKey('ns', name))?.status?.['state'];
export const machineRef = (world: World, name: string) =>
  (world.object(nicKey('ns', name))?.spec?.['machineRef'] as JsonObject | undefined)?.['name'];
export const status = (reply: Reply) => (reply.ok ? undefined : reply.status);
export const up = ({ world, a, b }: Started, ...objects: JsonObject[]) => {
  for (const object of objects) expect(status(world.create(object))).toBeUndefined();
  for (const agent of [a, b]) agent.report();
};

/** Both hosts have rows with 10.0.0.1 of `one`, which is deleted; `two` asks for it and is to be placed. */
export const addressTakenOver = (given: Started): Started => {
  up(
    given,
    nic('one', 'net', ['10.0.0.1']),
    nic('other', 'net', ['10.0.0.7']),
    machine('m1', 'host-a', ['one']),
    machine('m2', 'host-b', ['other']),
  );
  given.world.delete(nicKey('ns', 'one'));
  given.world.create(nic('two', 'net', ['10.0.0.1']));
  given.world.create(machine('m3', 'host-a', ['two']));
  return given;
};
