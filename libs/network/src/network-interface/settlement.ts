/** What the action Settle does, by the interface's own state alone. The loop that sends it uses the same function to see whether it is needed. */
import { conditionFacts, type Folded, isIncarnation, specOf } from '@weft/api';
import { addressesRested, claimed, type NicFact, placed, providerIdCleared, released, unplaced } from './network-interface.facts.ts';
import type { NicTypes, Settlement } from './network-interface.types.ts';

/** The facts of a settlement; none when the state is as wanted. The first claim wins: a settlement for another machine can only release. */
export function settlementFacts(before: Folded<NicTypes>, wanted: Settlement): readonly NicFact[] {
  if (!isIncarnation(before, wanted.uid)) return [];
  const { holder, facts } = holdingFacts(before, wanted);
  return wanted.machine === holder ? [...facts, ...placeFacts(before, wanted)] : facts;
}

/** `holder`: uid of the machine that has the interface after these facts. */
function holdingFacts(
  { object }: Folded<NicTypes>,
  wanted: Settlement,
): Readonly<{ holder: string | undefined; facts: readonly NicFact[] }> {
  const { machineRef, providerID } = specOf(object);
  const facts: NicFact[] = [];
  const isReleased = machineRef !== undefined && wanted.release === (machineRef.uid ?? '');
  const isClaimed = wanted.claim !== undefined && (machineRef === undefined || isReleased);
  if (isReleased) facts.push(released());
  if (isClaimed && wanted.claim !== undefined) facts.push(claimed(wanted.claim));
  const dropsHandle = isClaimed || (isReleased && wanted.drops === true);
  if (dropsHandle && providerID !== undefined) facts.push(providerIdCleared());
  if (isClaimed) return { holder: wanted.claim?.uid, facts };
  return { holder: isReleased ? undefined : machineRef?.uid, facts };
}

function placeFacts({ object, facts: { placement, resting, hostFailure } }: Folded<NicTypes>, wanted: Settlement): readonly NicFact[] {
  const facts: NicFact[] = [];
  const rests = resting !== undefined && !hasRested(resting, wanted);
  if (resting !== undefined && !rests) facts.push(addressesRested());
  const host = rests ? undefined : wanted.host;
  // As long as it stays on a host that is not Ready, that is what it says.
  const saysFailure = hostFailure !== undefined && host === placement?.host;
  if (!saysFailure) facts.push(...conditionFacts(object, wanted.ready));
  if (host === undefined && placement !== undefined) facts.push(unplaced());
  if (host !== undefined && placement?.host !== host) facts.push(placed(host));
  return facts;
}

/** A late settlement may speak of a rest of before: the addresses have changed since, and the new ones may be in use still. */
function hasRested(resting: string, { rested, rest = resting }: Settlement): boolean {
  return rested === true && rest === resting;
}
