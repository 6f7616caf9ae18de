import { Type } from '@sinclair/typebox';
import { DecimalPosition, type TakenAddress } from '@weft/api';

/** Why an address is not free: this interface or balancer has it, or it was in use, by the balancer or until `resting`, and hosts may still know it. */
export const Taken = Type.Object({
  nic: Type.Optional(Type.String()),
  balancer: Type.Optional(Type.Object({ name: Type.String(), uid: Type.String() })),
  leaves: Type.Optional(Type.Literal(true)),
  resting: Type.Optional(DecimalPosition),
});
export type Taken = TakenAddress;
