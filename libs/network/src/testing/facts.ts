/** What is known of an interface beside its object, of a state as a fold gives it. */
import type { Folded } from '@weft/api';
import type { NicTypes } from '../network-interface/network-interface.types.ts';

export function factsOfNic({ facts }: Pick<Folded, 'facts'>): NicTypes['facts'] {
  return facts as NicTypes['facts'];
}
