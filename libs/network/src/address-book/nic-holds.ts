import { specOf, type View } from '@weft/api';
import { heldNames } from '../network-interface/holdings.ts';
import { NetworkInterface, type NicTypes } from '../network-interface/network-interface.types.ts';

/** Whether the interface has something in its address book. `arg`: name of the Network, and in the book. */
export const nicHolds: View<NicTypes, boolean> = {
  kind: NetworkInterface,
  name: 'holds',
  facets: () => ['created', 'spec.ips', 'addresses', 'prefixes'],
  of: ({ object, facts }, arg) => {
    const space = arg.indexOf(' ');
    return specOf(object).networkRef?.name === arg.slice(0, space) && heldNames(specOf(object), facts).has(arg.slice(space + 1));
  },
};
