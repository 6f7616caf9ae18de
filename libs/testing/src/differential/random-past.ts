/** A random fabric with a history: what people change of it, and the rows of all hosts at any position. */
import { createFold, type JsonObject, type ObjectKey } from '@weft/api';
import { STAGED_ANNOTATION } from '@weft/policy';
import type { World } from '../world/world.ts';
import { WorldFabric } from '../world/world-fabric.ts';
import { APPS, type Chance, type Extra, type Host, randomObjects, Topology, WorldOfObjects, withNumbers } from './topology.ts';

const CHANGES = 30;

export class RandomPast {
  readonly world: World;
  readonly #chance: Chance;
  readonly #hosts: readonly Host[];
  readonly #objects: readonly JsonObject[];
  /** Position at which the first change was made. */
  readonly #begin: bigint;

  constructor(chance: Chance, hosts: readonly Host[], guests: readonly string[], extras: ReadonlySet<Extra>) {
    this.#chance = chance;
    this.#hosts = hosts;
    this.#objects = randomObjects(chance, hosts, guests, extras);
    const made = new WorldOfObjects(this.#objects, hosts);
    this.world = made.world;
    this.#begin = made.world.position;
    for (let i = 0; i < CHANGES; i++) {
      this.#change();
      // Some changes come while hosts still apply those before.
      if (chance.happens(0.5)) made.report();
    }
  }

  /** Some positions, all but one of them after the fabric was there. */
  positions(count: number): readonly bigint[] {
    const all = this.world.appends.map(({ position }) => position);
    const [early, late] = [all.filter((each) => each <= this.#begin), all.filter((each) => each > this.#begin)];
    return Array.from({ length: count }, (_, i) => this.#chance.pick(i === 1 || late.length === 0 ? early : late));
  }

  /** The fabric as the log says at a position: folded from the beginning. */
  at(position: bigint): Topology {
    const { registry, appends } = this.world;
    const fold = createFold(registry);
    for (const append of appends) if (append.position <= position) fold.apply(append);
    return new Topology(this.#objects, this.#hosts, withNumbers(new WorldFabric({ registry, fold }).tables, this.#hosts));
  }

  #change(): void {
    const { world } = this;
    const of = (...kinds: readonly string[]): JsonObject | undefined => {
      const found = this.#objects.filter(({ kind }) => kinds.includes(kind as string));
      return found.length === 0 ? undefined : this.#chance.pick(found);
    };
    const with_ = (object: JsonObject | undefined, change: (key: ObjectKey) => unknown): void => {
      if (object !== undefined) change(keyOf(object));
    };
    this.#chance.pick<() => void>([
      () => with_(of('NetworkInterface'), (key) => world.patch(key, { metadata: { labels: { app: this.#chance.pick(APPS) } } })),
      () => with_(of('NetworkInterface'), (key) => world.patch(key, { metadata: { labels: { app: this.#chance.pick(APPS) } } })),
      () => with_(of('NetworkPolicy', 'LoadBalancer', 'Machine', 'NATGateway', 'VirtualIP'), (key) => world.delete(key)),
      ...Array.from({ length: 3 }, () => () => {
        // What was deleted comes back; what is there is refused.
        const object = of('NetworkPolicy', 'LoadBalancer', 'Machine', 'NATGateway', 'VirtualIP');
        if (object !== undefined) world.create(object);
      }),
      () =>
        with_(of('NetworkPolicy'), (key) =>
          world.patch(key, { metadata: { annotations: { [STAGED_ANNOTATION]: this.#chance.pick(['true', 'false']) } } }),
        ),
      () => with_(of('Network'), (key) => world.patch(key, { spec: { peerings: [] } })),
      () => with_(of('Network'), (key) => world.patch(key, { spec: this.#specOf(key) })),
    ])();
  }

  #specOf({ name }: ObjectKey): JsonObject {
    const found = this.#objects.find((object) => object['kind'] === 'Network' && keyOf(object).name === name);
    return (found?.['spec'] ?? {}) as JsonObject;
  }
}

function keyOf({ kind, metadata }: JsonObject): ObjectKey {
  const { name, namespace } = metadata as { name: string; namespace: string };
  return { kind: kind as string, namespace, name };
}
