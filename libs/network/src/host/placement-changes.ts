/**
 * The newest change of a placement in each network and on each host: a silent host may have missed it.
 *
 *   an interface is placed, unplaced, or ends where it was ──> placement-changes[host <name>] = {position, time}, and [network <namespace>/<name>] if it has a number
 *   a network gets its number: rows of it may come ──────────> [network <namespace>/<name>] = {position, time}
 *   NetworkEnded, HostEnded ──────────────────────────────────> the record of it deleted
 */
import { type Change, changeOf, defineLedger, type Folded, type LedgerWriter, ledgerRef, type NameIn, nameText, specOf } from '@weft/api';
import { Network } from '../network/network.types.ts';
import { NetworkInterface, type NicTypes } from '../network-interface/network-interface.types.ts';
import { Host } from './host.types.ts';

/** `time`: RFC 3339, of the event. */
export type PlacementChange = Readonly<{ position: bigint; time: string }>;

export const placementChanges = ledgerRef<PlacementChange>('placement-changes');

export const changesInNetwork = (network: NameIn): string => `network ${nameText(network)}`;
export const changesOnHost = (host: string): string => `host ${host}`;

export const placementChangesLedger = defineLedger(
  placementChanges,
  (change, records) => {
    noteInterface(change, records);
    noteNumber(change, records);
    forgetEnded(change, records);
  },
  [NetworkInterface.kind, Network.kind, Host.kind],
);

function noteInterface(change: Change, records: LedgerWriter<PlacementChange>): void {
  const nic = changeOf(NetworkInterface, change);
  if (nic === undefined) return;
  const { before, after } = nic;
  const left = before?.facts.placement?.host;
  const came = after?.facts.placement?.host;
  if (placedAt(before) === placedAt(after) || (left === undefined && came === undefined)) return;
  const { append } = change;
  // The position of the row change: the end of an interface removes its rows, otherwise its placement facet has the position.
  const position = placedAt(after) ?? append.position;
  const record: PlacementChange = { position, time: append.events[0].metadata.time };
  const network = networkOf(after ?? before);
  // There may be no such network (any more), and then there is nobody who waits.
  if (network !== undefined && records.get(changesInNetwork(network)) !== undefined) records.put(changesInNetwork(network), record);
  for (const host of [left, came]) if (host !== undefined) records.put(changesOnHost(host), record);
}

function noteNumber(change: Change, records: LedgerWriter<PlacementChange>): void {
  const { before, after } = changeOf(Network, change) ?? {};
  const { append } = change;
  if (after === undefined || after.facts.vni === before?.facts.vni) return;
  records.put(changesInNetwork(after.key), { position: append.position, time: append.events[0].metadata.time });
}

/** Position at which it was last placed or unplaced; undefined when it does not live or was never placed. */
function placedAt(nic: Folded<NicTypes> | undefined): bigint | undefined {
  return nic?.facets['placement']?.position;
}

function networkOf(nic: Folded<NicTypes> | undefined): NameIn | undefined {
  const name = nic && specOf(nic.object).networkRef?.name;
  return name === undefined ? undefined : { namespace: nic?.key.namespace ?? '', name };
}

function forgetEnded(change: Change, records: LedgerWriter<PlacementChange>): void {
  const network = changeOf(Network, change);
  if (network?.before !== undefined && network.after === undefined) records.delete(changesInNetwork(network.before.key));
  const host = changeOf(Host, change);
  if (host?.before !== undefined && host.after === undefined) records.delete(changesOnHost(host.before.key.name));
}
