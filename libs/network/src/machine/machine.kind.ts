/** Machine, its network interface part (resources 2.10, 3.14): names interfaces by its slots and a host by its pool; the interfaces follow. */
import { accepted, conditionFacts, defineKind, type FactOf, isIncarnation, objectSchema, sameJson, specOf } from '@weft/api';
import { machineColumns } from './machine.columns.ts';
import { machineDefaults } from './machine.defaults.ts';
import { machineEvolve, machineFacets, pending, reportedSlots, slotsReported, specFacts } from './machine.facts.ts';
import { machineModel } from './machine.model.ts';
import { machineRules } from './machine.rules.ts';
import { Machine, type MachineTypes, machineEvents, machinePayloads } from './machine.types.ts';
import { ephemeralInterfaces, interfacesOfSlots } from './slots.ts';

type MachineFact = FactOf<MachineTypes>;

const names = { group: 'compute.ironcore.dev', version: 'v1alpha1', kind: 'Machine' } as const;

export const machineKind = defineKind(Machine, {
  ...names,
  plural: 'machines',
  singular: 'machine',
  shortNames: [],
  namespaced: true,
  nameRule: 'label',
  context: 'network',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  providerStatus: { first: {} },
  tracksGeneration: false,
  columns: machineColumns,
  schema: objectSchema(names, 'A machine and its network interfaces.', machineModel),
  model: machineModel,
  defaults: machineDefaults,
  rules: machineRules,
  selectableFields: (object) => ({
    'spec.machinePoolRef.name': specOf(object).machinePoolRef?.name ?? '',
    'spec.machineClassRef.name': specOf(object).machineClassRef?.name ?? '',
  }),
  indexes: {
    /** The interfaces of its slots: `namespace/name`. */
    nic: ({ object }) => interfacesOfSlots(object),
    ephemeralInterfaces: ephemeralInterfaces.index,
    host: ({ object }) => {
      const pool = specOf(object).machinePoolRef?.name;
      return pool === undefined ? [] : [pool];
    },
  },
  events: machineEvents,
  payloads: machinePayloads,
  onChange: (before, after) => accepted<MachineFact>(specFacts(before.object, after)),
  actions: {
    ReportInterfaces: (before, { uid, slots, ready }) => {
      if (!isIncarnation(before, uid)) return accepted([]);
      const present = reportedSlots(before.object);
      const changed = slots.filter((slot) => !sameJson(present.get(slot.name), slot));
      return accepted([...(changed.length === 0 ? [] : [slotsReported(changed)]), ...conditionFacts(before.object, ready)]);
    },
  },
  evolve: machineEvolve,
  onCreated: pending,
  facets: machineFacets,
  initialFacts: {},
});
