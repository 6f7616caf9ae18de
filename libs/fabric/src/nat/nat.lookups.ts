/** What is asked about rows of NAT slots. */
import { natSlotsOfNics } from '@weft/lb';
import type { Lookup } from '../rows/row-index.ts';
import { decodeNatRow } from '../rows/rows.codec.ts';
import type { NatRow } from '../rows/rows.ts';

const ROWS = 'rows of slots';

/** By the uid of the interface that has them. */
export const slotsOfNic: Lookup<NatRow> = {
  name: 'slots of an interface',
  kind: 'nat',
  decode: decodeNatRow,
  valuesOf: ({ nic }) => [nic],
  origins: (_, uid) => [{ rows: ROWS, key: uid }],
};

/** By public address. */
export const slotsOfAddress: Lookup<NatRow> = {
  name: 'slots of an address',
  kind: 'nat',
  decode: decodeNatRow,
  valuesOf: (row) => [row.public],
  *origins({ records }, ip) {
    for (const [uid, { holdings }] of records(natSlotsOfNics)) {
      if (
        holdings.some(({ section, drains = [] }) => [...(section === undefined ? [] : [section]), ...drains].some((each) => each.ip === ip))
      )
        yield { rows: ROWS, key: uid };
    }
  },
};
