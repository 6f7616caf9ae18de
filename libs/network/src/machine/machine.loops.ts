/** A machine's status follows its interfaces. */
import {
  type ApiObject,
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
  uidOf,
  type View,
} from '@weft/api';
import { Host } from '../host/host.types.ts';
import { NetworkInterface, type NicTypes } from '../network-interface/network-interface.types.ts';
import { reportedSlots } from './machine.facts.ts';
import type { MachineNetworkInterface } from './machine.model.ts';
import { Machine, type MachineTypes, type SlotReport } from './machine.types.ts';
import { ephemeralInterfaces, interfaceOfSlot } from './slots.ts';

/** Bound of the slots in one report. The rest is still owed once this report is in the log. */
export const SLOTS_MAX = 1_000;

const PENDING_TEXT_MAX = 512;

/** Reasons of an interface that last until somebody does something about them; the others pass. Of its host and its machine the machine speaks itself. */
const LASTING: ReadonlySet<string | undefined> = new Set([
  'NetworkNotFound',
  'AddressUnusable',
  'HostUnschedulable',
  'HostLost',
  'HostUnready',
]);

/** Who holds an interface, whether it is programmed for that machine, and else what is in the way. */
type Attachment = Readonly<{ holder?: string; machine?: string; programmed: boolean; lacks?: string }>;

const attachment: View<NicTypes, Attachment> = {
  kind: NetworkInterface,
  name: 'attachment',
  of: ({ object, facts }) => {
    if (facts.programmed === true) return { ...holderOf(object), programmed: true };
    const addresses = conditionOf(object, 'AddressesAllocated');
    const readiness = conditionOf(object, 'Ready');
    const obstacle = addresses?.status === 'False' ? addresses : LASTING.has(readiness?.reason) ? readiness : undefined;
    return { ...holderOf(object), programmed: false, ...(obstacle?.message !== undefined && { lacks: obstacle.message }) };
  },
};

function holderOf({ spec }: ApiObject<NicTypes>): Pick<Attachment, 'holder' | 'machine'> {
  const { uid, name } = spec?.machineRef ?? {};
  return { ...(uid !== undefined && { holder: uid }), ...(name !== undefined && { machine: name }) };
}

const uidOfHost = uidOf(Host);

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
    const condition = readyOf(slots, machine, facts);
    if (changed.length === 0 && hasCondition(machine, condition)) return [];
    return [act(Machine, machine.key, 'ReportInterfaces', { uid: machine.object.metadata.uid, slots: changed, ready: condition })];
  },
});

/** A slot as it is; `lacks`: what is in the way of its interface. */
type Slot = Readonly<{ report: SlotReport; lacks?: string }>;

function slotOf(slot: MachineNetworkInterface, machine: Folded<MachineTypes>, facts: LoopFacts): Slot {
  const { name = '' } = slot;
  const nic = interfaceOfSlot(machine.key.name, slot);
  if (nic === undefined) return { report: { name, state: 'Pending' } };
  const { namespace = '' } = machine.key;
  const found = facts.see(attachment, { namespace, name: nic });
  if (found?.holder !== machine.object.metadata.uid)
    return { report: { name, state: 'Pending' }, ...heldElsewhere(nic, found, machine.key.name) };
  const report: SlotReport = { name, state: found.programmed ? 'Attached' : 'Pending', nic };
  return { report, ...(found.lacks !== undefined && { lacks: found.lacks }) };
}

/** Why the machine does not hold an interface; nothing of one that is free, or of its predecessor's: it is about to be claimed. */
function heldElsewhere(nic: string, found: Attachment | undefined, machine: string): Pick<Slot, 'lacks'> {
  if (found === undefined) return { lacks: `NetworkInterface ${nic} does not exist` };
  if (found.machine === undefined || found.machine === machine) return {};
  return { lacks: `NetworkInterface ${nic} is held by Machine ${found.machine}` };
}

function readyOf(slots: readonly Slot[], machine: Folded<MachineTypes>, facts: LoopFacts) {
  if (slots.length === 0) return ready('True', 'NoInterfaces', 'it has no network interfaces');
  const waiting = slots.flatMap(({ report: { name, state }, lacks }) => {
    if (state !== 'Pending') return [];
    return [lacks === undefined ? name : `${name} (${lacks})`];
  });
  if (waiting.length === 0) return ready('True', 'InterfacesAvailable', 'all its network interfaces are available');
  const pending = `its network interfaces are not available yet: ${waiting.join(', ')}`;
  const [reason, why] = hostProblem(machine, facts) ?? ['InterfacesPending'];
  return ready('False', reason, (why === undefined ? pending : `${why}; ${pending}`).slice(0, PENDING_TEXT_MAX));
}

/** What keeps all interfaces of the machine from being placed. */
function hostProblem({ object }: Folded<MachineTypes>, facts: LoopFacts): readonly [reason: string, why: string] | undefined {
  const host = specOf(object).machinePoolRef?.name;
  if (host === undefined) return ['MachineNotScheduled', 'it names no host (spec.machinePoolRef)'];
  return facts.see(uidOfHost, { name: host }) === undefined ? ['HostMissing', `host ${host} does not exist`] : undefined;
}

function hasCondition({ object }: Folded<MachineTypes>, { type, status, reason, message }: ReturnType<typeof ready>): boolean {
  const present = conditionOf(object, type);
  return present?.status === status && present.reason === reason && present.message === message;
}

export const machineLoops: readonly Loop[] = [...ephemeralInterfaces.loops, reportInterfaces];
