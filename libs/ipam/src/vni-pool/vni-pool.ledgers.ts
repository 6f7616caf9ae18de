/** What the pool's events leave to be done: by the networks that asked, by the numbers that rest, by those that may be had again. */
import { defineLedger, type Ledger, ledgerRef, vniGrants } from '@weft/api';
import { VNI_POOL_CATEGORY, vniPoolEvents } from './vni-pool.types.ts';

const POOL = [VNI_POOL_CATEGORY];

/** What the pool answered to each network, until that has gone. */
export const grantsLedger = defineLedger(
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

/** By number, while it is released and has not rested: position (decimal) as of which its network has gone. */
export const vniRests = ledgerRef<Readonly<{ at: string }>>('vni-rests');

export const restsLedger = defineLedger(
  vniRests,
  ({ append }, records) => {
    for (const { type, data } of vniPoolEvents.in(append)) {
      if (type === 'VniReleased.v1') records.put(String(data.vni), { at: data.at });
      else if (type === 'VniRested.v1') records.delete(String(data.vni));
    }
  },
  POOL,
);

/** One record, under the pool's stream: the lowest number that was never used, and how many may be used again. */
export const vniStock = ledgerRef<Readonly<{ next: number; rested: number }>>('vni-stock');

export const stockLedger = defineLedger(
  vniStock,
  ({ append }, records) => {
    for (const { type, data } of vniPoolEvents.in(append)) {
      const { next, rested } = records.get(append.stream) ?? { next: 0, rested: 0 };
      if (type === 'VniRested.v1') records.put(append.stream, { next, rested: rested + 1 });
      else if (type === 'VniAllocated.v1') {
        // Never used ones come first, each above all before it.
        records.put(append.stream, data.vni < next ? { next, rested: rested - 1 } : { next: data.vni + 1, rested });
      }
    }
  },
  POOL,
);

export const vniLedgers: readonly Ledger[] = [grantsLedger, restsLedger, stockLedger];
