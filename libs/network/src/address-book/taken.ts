import { type Static, Type } from '@sinclair/typebox';
import { DecimalPosition } from '@weft/api';

/** Why an address is not free: this interface has it, or it was in use until `resting` and hosts may still know it. */
export const Taken = Type.Object({ nic: Type.Optional(Type.String()), resting: Type.Optional(DecimalPosition) });
export type Taken = Readonly<Static<typeof Taken>>;
