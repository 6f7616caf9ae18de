/** Questions about the past of a `World`, without a gateway. */
import { type Append, Slices, systemClock } from '@weft/api';
import type { World } from '@weft/testing';
import { PastPart } from '../trace/past-fabric.ts';

/** Of the log of a world as it is, up to one of its appends. */
export function pastOfWorld(world: World): (upTo?: bigint) => PastPart {
  const { registry, fold, appends } = world;
  const streams = new Map<string, Append[]>();
  for (const append of appends) streams.set(append.stream, [...(streams.get(append.stream) ?? []), append]);
  const store = {
    async *readStream(stream: string) {
      for (const { events } of streams.get(stream) ?? []) yield* events;
    },
    async *readAll({ from = 0n, limit = 0 }: Readonly<{ from?: bigint; limit?: number }> = {}) {
      yield* world.log
        .filter(({ position }) => position <= from)
        .slice(-limit)
        .reverse();
    },
  };
  const slices = new Slices(systemClock);
  return (upTo = world.position) => new PastPart({ store, registry, slices, today: fold, upTo });
}
