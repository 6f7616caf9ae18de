/** The ledger of what Prefixes answered to those who ask for parts of them. It holds a record until the part is given back. */
import { changeOf, defineLedger, ledgerRef, membersIn } from '@weft/api';
import { heldOf, holderOf, refusedOf } from './prefix.facts.ts';
import { type Asking, Prefix, prefixEvents } from './prefix.types.ts';

/** `prefix`: what was given; without it, `request` was refused. */
export type RangeAnswer = Asking &
  Readonly<{ parent: Readonly<{ namespace: string; name: string; uid: string }>; prefix?: string; request?: string }>;

/** Key: `answerKey`. */
export const prefixRanges = ledgerRef<RangeAnswer>('prefix-ranges');

/** `parent` and `holder` are uids. */
export const answerKey = (parent: string, holder: string): string => `${parent} ${holder}`;

export const prefixRangesLedger = defineLedger(
  prefixRanges,
  (change, records) => {
    const { before, after } = changeOf(Prefix, change) ?? {};
    if (before !== undefined && before.object.metadata.uid !== after?.object.metadata.uid) {
      const { uid } = before.object.metadata;
      for (const [holder] of membersIn(heldOf(before.facts))) records.delete(answerKey(uid, holder));
      for (const [holder] of membersIn(refusedOf(before.facts))) records.delete(answerKey(uid, holder));
    }
    if (after === undefined) return;
    const { namespace = '', name, uid } = after.object.metadata;
    const parent = { namespace, name, uid };
    for (const { type, data } of prefixEvents.in(change.append)) {
      switch (type) {
        case 'PrefixRangeAllocated.v1':
        case 'PrefixRangeRefused.v1':
          records.put(answerKey(uid, holderOf(data).uid), { ...data, parent });
          break;
        case 'PrefixRangeReleased.v1':
          records.delete(answerKey(uid, data.holder));
      }
    }
  },
  [Prefix.kind],
);
