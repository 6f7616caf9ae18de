import { AGE_COLUMN, ageOf, type Column, conditionOf, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { HostTypes } from './host.types.ts';

export const hostColumns: readonly Column<HostTypes>[] = [
  NAME_COLUMN,
  textColumn('Underlay', 'Address that tunnels to the host end at.', (object) => specOf(object).underlay?.ip ?? ''),
  textColumn('Index', 'Number of the host in the fabric.', (object) => `${statusOf(object).index ?? '<none>'}`),
  textColumn('Ready', 'Whether its agent is heard.', (object) => conditionOf(object, 'Ready')?.status ?? 'Unknown'),
  textColumn('Lag', 'Age of the oldest change that is not applied yet.', (object, now) => {
    const { pendingSince } = statusOf(object);
    return pendingSince === undefined ? '0s' : ageOf(pendingSince, now);
  }),
  AGE_COLUMN,
];
