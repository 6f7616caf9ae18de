/**
 * Ports that hosts report to be up and whose interfaces do not know it yet.
 *
 *   NicProgrammed {uid, position} on a Host's stream ─────> programmed-reports[uid] gets that host's report
 *   the interface is programmed, or ends ─────────────────> programmed-reports[uid] deleted
 *
 * The newest report of each host is kept, so that a late report of a host that an interface has left does not hide that of its present host. Reports of
 * a host that has ended stay, but are ignored, since they carry the uid of that host.
 */
import { type Change, changeOf, defineLedger, type Folded, type LedgerWriter, ledgerRef } from '@weft/api';
import { Host, hostEvents } from '../host/host.types.ts';
import { NetworkInterface, type NicTypes } from './network-interface.types.ts';

/** `hostUid`: the incarnation of the host. `position` (decimal): that of the placement row that its kernel reflects. */
export type ProgrammedReport = Readonly<{ hostUid: string; position: string }>;
/** Name of a host -> its report. */
export type ProgrammedReports = Readonly<Record<string, ProgrammedReport>>;

/** The key of a record is the uid of the interface. */
export const programmedReports = ledgerRef<ProgrammedReports>('programmed-reports');

export const programmedReportsLedger = defineLedger(
  programmedReports,
  (change, records) => {
    noteReports(change, records);
    forgetSettled(change, records);
  },
  [Host.kind, NetworkInterface.kind],
);

function noteReports(change: Change, records: LedgerWriter<ProgrammedReports>): void {
  const host = changeOf(Host, change)?.after;
  if (host === undefined) return;
  const hostUid = host.object.metadata.uid;
  for (const { type, data } of hostEvents.in(change.append)) {
    if (type !== 'NicProgrammed.v1') continue;
    for (const { uid, position } of data.nics) records.put(uid, { ...records.get(uid), [host.key.name]: { hostUid, position } });
  }
}

function forgetSettled(change: Change, records: LedgerWriter<ProgrammedReports>): void {
  const { before, after } = changeOf(NetworkInterface, change) ?? {};
  const uid = after?.object.metadata.uid;
  if (before !== undefined && before.object.metadata.uid !== uid) records.delete(before.object.metadata.uid);
  if (uid !== undefined && after?.facts.programmed === true) records.delete(uid);
}

/** The port of an interface that is not programmed yet. `since` (decimal): position of its placement or of its addresses, whichever is later. */
export type Port = Readonly<{ host: string; since: string }>;

/** The port for which the interface waits for a report; undefined when it waits for none. */
export function waitingPort({ facts: { placement, programmed }, facets }: Folded<NicTypes>): Port | undefined {
  if (placement === undefined || programmed === true) return undefined;
  const placedAt = facets['placement']?.position ?? 0n;
  const addressedAt = facets['addresses']?.position ?? 0n;
  return { host: placement.host, since: `${placedAt > addressedAt ? placedAt : addressedAt}` };
}

/** Whether a report makes the interface Available: the action Programmed and the loop that sends it share this rule. */
export function bringsUp(report: Readonly<{ host: string; position: string }>, port: Port | undefined): boolean {
  return port !== undefined && report.host === port.host && BigInt(report.position) >= BigInt(port.since);
}
