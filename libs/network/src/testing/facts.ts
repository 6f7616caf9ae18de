/** The typed facts of an interface, from the untyped state of a fold. */
import type { Folded } from '@weft/api';
import type { NicTypes } from '../network-interface/network-interface.types.ts';

export function factsOfNic({ facts }: Pick<Folded, 'facts'>): NicTypes['facts'] {
  return facts as NicTypes['facts'];
}
