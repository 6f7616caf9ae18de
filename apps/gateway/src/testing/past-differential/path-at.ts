/** What `weft trace --at` says of packets, for kernels to be held to. */
import { evaluate, type Path } from '@weft/fabric';
import type { PathAt } from '@weft/testing/differential';
import { pastOfWorld } from '../past-of-world.ts';

export const pathAt: PathAt = async (world, position, packets) => {
  const past = pastOfWorld(world);
  const paths: (Path | undefined)[] = [];
  // Each question finds its own part of the log, as each trace does.
  for (const packet of packets) {
    const found = await past(position).answer((rows) => evaluate({ rows }, packet).paths);
    // Of several, the kernel chooses one.
    paths.push(found.length === 1 ? found[0] : undefined);
  }
  return paths;
};
