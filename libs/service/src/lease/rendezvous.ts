/** Rendezvous hashing: every replica computes the same owner of a slot from the same list of replicas, and few slots move when one comes or goes. */
import { hash32 } from '@weft/api';

/** Weight of each slot for one replica. The replica with the highest weight wins; of equal ones, the one with the smaller name. */
export function weightsOf(replica: string, slots: number): Float64Array {
  const weights = new Float64Array(slots);
  for (let slot = 0; slot < slots; slot++) weights[slot] = hash32(`${slot}/${replica}`);
  return weights;
}
