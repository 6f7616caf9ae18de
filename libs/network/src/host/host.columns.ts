import { AGE_COLUMN, ageOf, type Column, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { HostSpec, HostStatus } from './host.model.ts';

const status = statusOf<HostStatus>;

export const hostColumns: readonly Column[] = [
  NAME_COLUMN,
  textColumn('Underlay', 'Address that tunnels to the host end at.', (object) => specOf<HostSpec>(object).underlay?.ip ?? ''),
  textColumn('Index', 'Number of the host in the fabric.', (object) => `${status(object).index ?? '<none>'}`),
  textColumn(
    'Ready',
    'Whether its agent is heard.',
    (object) => status(object).conditions?.find(({ type }) => type === 'Ready')?.status ?? 'Unknown',
  ),
  textColumn('Lag', 'Age of the oldest change that is not applied yet.', (object, now) => {
    const { pendingSince } = status(object);
    return pendingSince === undefined ? '0s' : ageOf(pendingSince, now);
  }),
  AGE_COLUMN,
];
