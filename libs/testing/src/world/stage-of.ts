import type { RecordedEvent } from '@weft/api';
import { Stage } from '@weft/fabric';
import type { World } from './world.ts';

/** A stage on which a world's future is rehearsed. */
export function stageOf(world: World): Stage {
  async function* readStream(stream: string, from: bigint): AsyncIterable<RecordedEvent> {
    for (const event of world.log) if (event.stream === stream && event.revision >= from) yield event;
  }
  const stage = new Stage({ registry: world.registry, world: world.fold, readStream, nowMs: () => 0, breathe: async () => {} });
  world.watch((change) => stage.note(change));
  return stage;
}
