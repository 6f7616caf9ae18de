/** What loops of other kinds read of a Machine. */
import { isDeleting, specOf, type View } from '@weft/api';
import { Machine, type MachineTypes } from './machine.types.ts';

/** `bornAt`: position (decimal) of its creation. `pool`: the host that runs it. */
export type Claimant = Readonly<{ name: string; uid: string; bornAt: string; deleting: boolean; pool?: string }>;

/** A machine that names an interface, or holds one. The index `nic` has the interfaces that it names. */
export const claimant: View<MachineTypes, Claimant> = {
  kind: Machine,
  name: 'claimant',
  facets: () => ['created', 'deletion', 'spec.machinePoolRef'],
  of: (machine) => {
    const pool = specOf(machine.object).machinePoolRef?.name;
    return {
      name: machine.key.name,
      uid: machine.object.metadata.uid,
      bornAt: `${machine.facets['created']?.position ?? 0n}`,
      deleting: isDeleting(machine),
      ...(pool !== undefined && { pool }),
    };
  },
};
