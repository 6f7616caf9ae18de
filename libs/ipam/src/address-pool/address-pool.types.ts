/** The types of an AddressPool: its events, its actions. */
import { Type } from '@sinclair/typebox';
import { anyJson, type ConditionFact, type DataOf, defineEvents, kindRef, LabelSelectorModel, ofModel } from '@weft/api';
import { AddressPoolFamilyStatus, type AddressPoolSpec, type AddressPoolStatus } from './address-pool.model.ts';

const Counts = Type.Object({
  ipv4: Type.Optional(ofModel(AddressPoolFamilyStatus)),
  ipv6: Type.Optional(ofModel(AddressPoolFamilyStatus)),
});

export const addressPoolEvents = defineEvents({
  'AddressPoolPrefixesChanged.v1': Type.Object({ prefixes: Type.Optional(Type.Array(Type.String())) }),
  'AddressPoolExcludesChanged.v1': Type.Object({ excludes: Type.Optional(Type.Array(Type.String())) }),
  'AddressPoolSelectorChanged.v1': Type.Object({ networkSelector: Type.Optional(ofModel(LabelSelectorModel)) }),
  'AddressPoolCounted.v1': Counts,
});

export const addressPoolPayloads = {
  /** What its addresses have come to, and what is to be said of it. Conditions of the reported types that are not given are removed. */
  Report: Type.Object({ counts: Counts, conditions: Type.Array(anyJson<ConditionFact>()) }),
  Protect: Type.Object({}),
  Unprotect: Type.Object({}),
};

export type AddressPoolTypes = {
  spec: AddressPoolSpec;
  status: AddressPoolStatus;
  facts: Record<never, never>;
  events: DataOf<typeof addressPoolEvents>;
  actions: DataOf<typeof addressPoolPayloads>;
  /** `family`: the families of its prefixes. */
  index: 'family';
};
export const AddressPool = kindRef<AddressPoolTypes>('AddressPool');
