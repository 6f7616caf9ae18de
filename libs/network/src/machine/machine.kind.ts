/** Machine, its network interface part (resources 2.10, 3.14): names interfaces by its slots and a host by its pool; the interfaces follow. */
import { accepted, type ConditionFact, conditionFacts, type KindModule, objectSchema, sameJson, specOf, statusOf } from '@weft/api';
import { isIncarnation } from '../network/network.kind.ts';
import { machineColumns } from './machine.columns.ts';
import { machineDefaults } from './machine.defaults.ts';
import { machineEvolve, type SlotReport, slotsReported, specFacts, unsupportedFacts } from './machine.facts.ts';
import { type MachineSpec, type MachineStatus, machineModel } from './machine.model.ts';
import { machineRules } from './machine.rules.ts';

const names = { group: 'compute.ironcore.dev', version: 'v1alpha1', kind: 'Machine' } as const;

export const machineKind: KindModule = {
  ...names,
  plural: 'machines',
  singular: 'machine',
  shortNames: [],
  namespaced: true,
  nameRule: 'label',
  context: 'network',
  partitionKey: ({ namespace = '' }) => namespace,
  hasStatus: true,
  tracksGeneration: false,
  columns: machineColumns,
  schema: objectSchema(names, 'A machine and its network interfaces.', machineModel),
  model: machineModel,
  defaults: machineDefaults,
  rules: machineRules,
  selectableFields: (object) => ({
    'spec.machinePoolRef.name': specOf<MachineSpec>(object).machinePoolRef?.name ?? '',
    'spec.machineClassRef.name': specOf<MachineSpec>(object).machineClassRef?.name ?? '',
  }),
  indexes: {
    /** Interfaces that its slots name: `namespace/name`. */
    nic: ({ key, object }) => [
      ...new Set(
        (specOf<MachineSpec>(object).networkInterfaces ?? []).flatMap(({ networkInterfaceRef }) =>
          networkInterfaceRef?.name === undefined ? [] : [`${key.namespace}/${networkInterfaceRef.name}`],
        ),
      ),
    ],
    host: ({ object }) => {
      const pool = specOf<MachineSpec>(object).machinePoolRef?.name;
      return pool === undefined ? [] : [pool];
    },
  },
  onCreate: (object) => accepted(unsupportedFacts(object, specOf<MachineSpec>(object))),
  onChange: (before, after) =>
    accepted([...specFacts(before.object, after), ...unsupportedFacts(before.object, specOf<MachineSpec>(after))]),
  actions: {
    /** {uid, slots, ready}: what became of its interfaces; slots that are not named are as they were. */
    ReportInterfaces: (before, payload) => {
      if (!isIncarnation(before, payload['uid'])) return accepted([]);
      const slots = payload['slots'] as unknown as readonly SlotReport[];
      const present = new Map((statusOf<MachineStatus>(before.object).networkInterfaces ?? []).map((slot) => [slot.name, slotOf(slot)]));
      const news = slots.filter((slot) => !sameJson(present.get(slot.name), slot));
      const facts = news.length === 0 ? [] : [slotsReported(news)];
      return accepted([...facts, ...conditionFacts(before.object, payload['ready'] as unknown as ConditionFact)]);
    },
  },
  evolve: machineEvolve,
  initialFacts: {},
  facetOf: () => undefined,
};

/** As it was reported: without the time. */
export function slotOf({
  name = '',
  state = 'Pending',
  networkInterfaceRef,
}: NonNullable<MachineStatus['networkInterfaces']>[number]): SlotReport {
  const nic = networkInterfaceRef?.name;
  return { name, state: state as SlotReport['state'], ...(nic !== undefined && { nic }) };
}
