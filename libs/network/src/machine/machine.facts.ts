/** The events of a Machine, their fold, and the facts in which two specs differ. */
import {
  type ApiObject,
  type EventMetadata,
  type Evolve,
  type Facets,
  type FactOf,
  plainFieldEvolve,
  plainFieldFacts,
  plainFields,
  ready,
  type State,
  specOf,
  statusOf,
  wholeSeconds,
  withCondition,
  withoutStatusField,
  withStatus,
} from '@weft/api';
import type { MachineNetworkInterfaceStatus } from './machine.model.ts';
import type { MachineTypes, SlotReport } from './machine.types.ts';

type MachineObject = ApiObject<MachineTypes>;
type MachineFact = FactOf<MachineTypes>;

/** Each field is replaced as a whole; the interfaces decide on their own streams what follows for them. */
const PLAIN = plainFields<MachineTypes>()({
  networkInterfaces: 'MachineNetworkInterfacesChanged.v1',
  machinePoolRef: 'MachineScheduled.v1',
  machineClassRef: 'MachineClassChanged.v1',
  machinePoolSelector: 'MachinePoolSelectorChanged.v1',
  power: 'MachinePowerChanged.v1',
  image: 'MachineImageChanged.v1',
  imagePullSecretRef: 'MachineImagePullSecretChanged.v1',
  volumes: 'MachineVolumesChanged.v1',
  ignitionRef: 'MachineIgnitionChanged.v1',
  efiVars: 'MachineEfiVarsChanged.v1',
  tolerations: 'MachineTolerationsChanged.v1',
  guestConfig: 'MachineGuestConfigChanged.v1',
});

export const specFacts = (before: MachineObject, after: MachineObject): MachineFact[] => plainFieldFacts(PLAIN, before, after);

export const slotsReported = (slots: readonly SlotReport[]): MachineFact => ({
  type: 'MachineInterfacesReported.v1',
  data: { slots: [...slots] },
});

/** The reports of slots that the status holds, by name, without their times. */
export function reportedSlots(object: MachineObject): ReadonlyMap<string, SlotReport> {
  const slots = new Map<string, SlotReport>();
  for (const { name = '', state, networkInterfaceRef } of statusOf(object).networkInterfaces ?? []) {
    const nic = networkInterfaceRef?.name;
    slots.set(name, { name, state: state === 'Attached' ? 'Attached' : 'Pending', ...(nic !== undefined && { nic }) });
  }
  return slots;
}

function slotStatus(report: SlotReport, before: MachineNetworkInterfaceStatus | undefined, time: string): MachineNetworkInterfaceStatus {
  const { name, state, nic } = report;
  const was = before?.state ?? 'Pending';
  const since = was === state ? before?.lastStateTransitionTime : wholeSeconds(time);
  return {
    name,
    state,
    ...(nic !== undefined && { networkInterfaceRef: { name: nic } }),
    ...(since !== undefined && { lastStateTransitionTime: since }),
  };
}

/** The first status of a machine: it waits for its interfaces, if it names any. */
export function pending({ object, facts }: State<MachineTypes>, { time }: EventMetadata): State<MachineTypes> {
  const condition =
    (specOf(object).networkInterfaces ?? []).length === 0
      ? ready('True', 'NoInterfaces', 'it has no network interfaces')
      : ready('False', 'InterfacesPending', 'its network interfaces are not available yet');
  return { object: withCondition(object, condition, time), facts };
}

const plainEvolve = plainFieldEvolve(PLAIN);

export const machineEvolve: Evolve<MachineTypes> = {
  ...plainEvolve,
  'MachineNetworkInterfacesChanged.v1': (state, data, metadata) => {
    const { object, facts } = plainEvolve['MachineNetworkInterfacesChanged.v1'](state, data, metadata);
    return { object: withSlots(object, [], metadata.time), facts };
  },
  'MachineInterfacesReported.v1': ({ object, facts }, { slots }, { time }) => ({ object: withSlots(object, slots, time), facts }),
};

/** One status for each slot of the spec, in its order. */
function withSlots(object: MachineObject, reports: readonly SlotReport[], time: string): MachineObject {
  const before = new Map((statusOf(object).networkInterfaces ?? []).map((slot) => [slot.name, slot]));
  const reported = new Map(reports.map((report) => [report.name, report]));
  const slots: MachineNetworkInterfaceStatus[] = [];
  for (const { name = '' } of specOf(object).networkInterfaces ?? []) {
    const report = reported.get(name);
    const known = before.get(name);
    if (report !== undefined) slots.push(slotStatus(report, known, time));
    else if (known !== undefined) slots.push(known);
  }
  if (slots.length > 0) return withStatus(object, { networkInterfaces: slots });
  return statusOf(object).networkInterfaces === undefined ? object : withoutStatusField(object, 'networkInterfaces');
}

/** Interfaces read where their machine runs, and follow from its slots. */
export const machineFacets: Facets<MachineTypes> = {
  'MachineNetworkInterfacesChanged.v1': 'spec.networkInterfaces',
  'MachineScheduled.v1': 'spec.machinePoolRef',
  'MachineClassChanged.v1': undefined,
  'MachinePoolSelectorChanged.v1': undefined,
  'MachinePowerChanged.v1': undefined,
  'MachineImageChanged.v1': undefined,
  'MachineImagePullSecretChanged.v1': undefined,
  'MachineVolumesChanged.v1': undefined,
  'MachineIgnitionChanged.v1': undefined,
  'MachineEfiVarsChanged.v1': undefined,
  'MachineTolerationsChanged.v1': undefined,
  'MachineGuestConfigChanged.v1': undefined,
  'MachineInterfacesReported.v1': undefined,
};
