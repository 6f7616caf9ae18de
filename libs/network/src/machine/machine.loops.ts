/** A machine's status follows its interfaces. */
import {
  act,
  conditionOf,
  type Folded,
  isDeleting,
  type Loop,
  type LoopFacts,
  loopOver,
  ready,
  sameJson,
  specOf,
  type View,
} from '@weft/api';
import { NetworkInterface, type NicTypes } from '../network-interface/network-interface.types.ts';
import { reportedSlots } from './machine.facts.ts';
import type { MachineNetworkInterface } from './machine.model.ts';
import { Machine, type MachineTypes, type SlotReport } from './machine.types.ts';
import { ephemeralInterfaces, interfaceOfSlot } from './slots.ts';

/** Bound of the slots in one report. The rest is still owed once this report is in the log. */
export const SLOTS_MAX = 1_000;

const PENDING_TEXT_MAX = 512;

/** Who holds an interface, whether it is programmed for that machine, and which address it lacks. */
const attachment: View<NicTypes, Readonly<{ holder?: string; programmed: boolean; lacks?: string }>> = {
  kind: NetworkInterface,
  name: 'attachment',
  of: ({ object, facts }) => {
    const holder = specOf(object).machineRef?.uid;
    const addresses = conditionOf(object, 'AddressesAllocated');
    return {
      programmed: facts.programmed === true,
      ...(holder !== undefined && { holder }),
      ...(addresses?.status === 'False' && { lacks: addresses.message }),
    };
  },
};

/** Costs O(slots), however many interfaces have changed: so it is asked when they have, not about each of them. */
const reportInterfaces = loopOver(Machine, {
  name: 'report-machine-interfaces',
  context: 'network',
  provider: 'weft',
  yields: true,
  owed: (machine, facts) => {
    if (isDeleting(machine)) return [];
    const slots = (specOf(machine.object).networkInterfaces ?? []).map((slot) => slotOf(slot, machine, facts));
    const present = reportedSlots(machine.object);
    const changed = slots.flatMap(({ report }) => (sameJson(present.get(report.name), report) ? [] : [report])).slice(0, SLOTS_MAX);
    const condition = readyOf(slots);
    if (changed.length === 0 && hasCondition(machine, condition)) return [];
    return [act(Machine, machine.key, 'ReportInterfaces', { uid: machine.object.metadata.uid, slots: changed, ready: condition })];
  },
});

/** A slot as it is; `lacks`: the address that its interface has not got. */
type Slot = Readonly<{ report: SlotReport; lacks?: string }>;

function slotOf(slot: MachineNetworkInterface, machine: Folded<MachineTypes>, facts: LoopFacts): Slot {
  const { name = '' } = slot;
  const nic = interfaceOfSlot(machine.key.name, slot);
  if (nic === undefined) return { report: { name, state: 'Pending' } };
  const { namespace = '' } = machine.key;
  const found = facts.see(attachment, { namespace, name: nic });
  if (found?.holder !== machine.object.metadata.uid) return { report: { name, state: 'Pending' } };
  const report: SlotReport = { name, state: found.programmed ? 'Attached' : 'Pending', nic };
  return { report, ...(found.lacks !== undefined && { lacks: found.lacks }) };
}

function readyOf(slots: readonly Slot[]) {
  if (slots.length === 0) return ready('True', 'NoInterfaces', 'it has no network interfaces');
  const waiting = slots.flatMap(({ report: { name, state }, lacks }) => {
    if (state !== 'Pending') return [];
    return [lacks === undefined ? name : `${name} (${lacks})`];
  });
  if (waiting.length === 0) return ready('True', 'InterfacesAvailable', 'all its network interfaces are available');
  const message = `its network interfaces are not available yet: ${waiting.join(', ')}`.slice(0, PENDING_TEXT_MAX);
  return ready('False', 'InterfacesPending', message);
}

function hasCondition({ object }: Folded<MachineTypes>, { type, status, reason, message }: ReturnType<typeof ready>): boolean {
  const present = conditionOf(object, type);
  return present?.status === status && present.reason === reason && present.message === message;
}

export const machineLoops: readonly Loop[] = [...ephemeralInterfaces.loops, reportInterfaces];
