/** The types of the pool of numbers (VXLAN network identifiers): its state, its commands, its events. */
import { Type } from '@sinclair/typebox';
import { type DataOf, DecimalPosition, defineEvents } from '@weft/api';

export const VNI_POOL_CATEGORY = 'VniPool';
export const VNI_POOL = `${VNI_POOL_CATEGORY}-.default`;
export const VNI_MIN = 200;
export const VNI_MAX = 2 ** 24 - 1;

const Vni = Type.Integer({ minimum: 1, maximum: VNI_MAX });
/** Name and uid of the Network that asks. */
const Asking = { namespace: Type.String(), network: Type.String(), uid: Type.String() };

export const vniPoolEvents = defineEvents({
  'VniAllocated.v1': Type.Object({ ...Asking, vni: Vni }),
  /** The pool has no number for this network. A condition of the network shows that, and the network asks again when a number has rested. */
  'VniPoolExhausted.v1': Type.Object(Asking),
  /** A network that got no number has gone. */
  'VniRequestWithdrawn.v1': Type.Object({ uid: Type.String() }),
  /** `at`: position as of which its network has gone. */
  'VniReleased.v1': Type.Object({ uid: Type.String(), vni: Vni, at: DecimalPosition }),
  'VniRested.v1': Type.Object({ vni: Vni }),
});

export const vniPoolCommands = {
  AllocateVni: Type.Object(Asking),
  /** The Network of this uid has gone, as of position `at`. */
  ReleaseVni: Type.Object({ uid: Type.String(), at: DecimalPosition }),
  /** No host holds the number any more. It ends the rest of a release at `at` or before. */
  RestVni: Type.Object({ vni: Vni, at: DecimalPosition }),
};

export type VniPool = {
  /** This number and all above it were never used. */
  next: number;
  /** uid of the Network -> its number. */
  readonly held: Map<string, number>;
  /** uids of the Networks that got no number. */
  readonly waiting: Set<string>;
  /** Released and not yet rested: number -> decimal position as of which its network has gone. */
  readonly resting: Map<number, string>;
  /** Numbers that may be used again, in the order in which their rest ended. */
  readonly rested: Set<number>;
};

export type VniPoolTypes = {
  state: VniPool;
  commands: DataOf<typeof vniPoolCommands>;
  events: DataOf<typeof vniPoolEvents>;
};
