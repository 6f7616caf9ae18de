/**
 * Hosts whose underlay address another host has taken, and that do not know it yet.
 *
 *   HostUnderlayTaken {uid, underlay} on the host index ──────────────> lost-underlays[uid] = {host, underlay}
 *   the host loses it, gets another one, or ends ─────────────────────> lost-underlays[uid] deleted
 */
import { act, type Change, changeOf, defineLedger, type LedgerWriter, ledgerRef, loopOverRecords, specOf } from '@weft/api';
import { hostIndexEvents } from '../host-index/host-index.ts';
import { Host } from './host.types.ts';
import { underlayOfHost } from './host.views.ts';

export type LostUnderlay = Readonly<{ host: string; underlay: string }>;

/** The key of a record is the uid of the host that has lost it. */
export const lostUnderlays = ledgerRef<LostUnderlay>('lost-underlays');

export const lostUnderlaysLedger = defineLedger(
  lostUnderlays,
  (change, records) => {
    for (const { type, data } of hostIndexEvents.in(change.append)) {
      if (type === 'HostUnderlayTaken.v1') records.put(data.uid, { host: data.host, underlay: data.underlay });
    }
    if (!records.isEmpty) forgetKnown(change, records);
  },
  ['HostIndex', Host.kind],
);

function forgetKnown(change: Change, records: LedgerWriter<LostUnderlay>): void {
  const { before, after } = changeOf(Host, change) ?? {};
  const uid = before?.object.metadata.uid;
  const record = uid === undefined ? undefined : records.get(uid);
  if (uid === undefined || record === undefined) return;
  const isSame = after?.object.metadata.uid === uid && specOf(after.object).underlay?.ip === record.underlay;
  if (!isSame) records.delete(uid);
}

/** A host learns that another one has its underlay address: until its agent registers again, no other host may send there for it. */
export const loseUnderlays = loopOverRecords(lostUnderlays, {
  name: 'lose-underlays',
  context: 'network',
  owed: ({ host, underlay }, uid, facts) => {
    const has = facts.see(underlayOfHost, { name: host });
    return has?.uid === uid && has.ip === underlay ? [act(Host, { name: host }, 'LoseUnderlay', { uid, ip: underlay })] : [];
  },
});
