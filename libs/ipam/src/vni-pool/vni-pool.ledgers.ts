/** Ledgers of the pool: its answers to networks, the numbers that rest, and how many numbers are left. The loops work on them. */
import { defineLedger, type Ledger, ledgerRef, vniGrants } from '@weft/api';
import { VNI_POOL_CATEGORY, vniPoolEvents } from './vni-pool.types.ts';

const POOL = [VNI_POOL_CATEGORY];

/** The pool's answer to each network, kept until the network has gone. */
const grantsLedger = defineLedger(
  vniGrants,
  ({ append }, records) => {
    for (const event of vniPoolEvents.in(append)) {
      const at = event.position.toString();
      switch (event.type) {
        case 'VniAllocated.v1': {
          const { uid, vni, namespace, network } = event.data;
          records.put(uid, { vni, namespace, network, at });
          break;
        }
        case 'VniPoolExhausted.v1': {
          const { uid, namespace, network } = event.data;
          records.put(uid, { namespace, network, at });
          break;
        }
        case 'VniRequestWithdrawn.v1':
        case 'VniReleased.v1':
          records.delete(event.data.uid);
      }
    }
  },
  POOL,
);

/** A record for each number that is released and has not rested: `at` is the position (decimal) as of which its network has gone. */
export const vniRests = ledgerRef<Readonly<{ at: string }>>('vni-rests');

const restsLedger = defineLedger(
  vniRests,
  ({ append }, records) => {
    for (const { type, data } of vniPoolEvents.in(append)) {
      if (type === 'VniReleased.v1') records.put(String(data.vni), { at: data.at });
      else if (type === 'VniRested.v1') records.delete(String(data.vni));
    }
  },
  POOL,
);

/** A single record, under the name of the pool's stream: the lowest number that was never used, how many may be used again, and how many are held. */
export const vniStock = ledgerRef<Readonly<{ next: number; rested: number; held: number }>>('vni-stock');

const stockLedger = defineLedger(
  vniStock,
  ({ append }, records) => {
    for (const { type, data } of vniPoolEvents.in(append)) {
      const { next, rested, held } = records.get(append.stream) ?? { next: 0, rested: 0, held: 0 };
      if (type === 'VniRested.v1') records.put(append.stream, { next, rested: rested + 1, held });
      else if (type === 'VniReleased.v1') records.put(append.stream, { next, rested, held: held - 1 });
      else if (type === 'VniAllocated.v1') {
        // Numbers that were never used are given first, in rising order.
        records.put(
          append.stream,
          data.vni < next ? { next, rested: rested - 1, held: held + 1 } : { next: data.vni + 1, rested, held: held + 1 },
        );
      }
    }
  },
  POOL,
);

export const vniLedgers: readonly Ledger[] = [grantsLedger, restsLedger, stockLedger];
