import { AGE_COLUMN, ageOf, type Column, conditionOf, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { HostTypes } from './host.types.ts';

export const hostColumns: readonly Column<HostTypes>[] = [
  NAME_COLUMN,
  textColumn('Underlay', 'Address that tunnels to the host end at.', (object) => specOf(object).underlay?.ip ?? ''),
  textColumn('Index', 'Number of the host in the fabric.', (object) => `${statusOf(object).index ?? '<none>'}`),
  textColumn('Ready', 'Whether its agent is heard and can do its work.', (object) => conditionOf(object, 'Ready')?.status ?? 'Unknown'),
  textColumn(
    'Converged',
    'Whether its kernel reflects all rows that concern it.',
    (object) => conditionOf(object, 'Converged')?.status ?? 'Unknown',
  ),
  textColumn('Lag', 'Age of the oldest change that is not applied yet.', (object, now) => {
    const { pendingSince } = statusOf(object);
    return pendingSince === undefined ? '0s' : ageOf(pendingSince, now);
  }),
  textColumn('MTU', 'MTU of the device that has the underlay address.', (object) => `${statusOf(object).mtu ?? '<unknown>'}`, 1),
  textColumn('Driver', 'What the agent programs.', (object) => statusOf(object).agent?.driver ?? '<none>', 1),
  textColumn('Version', 'Version of the agent.', (object) => statusOf(object).agent?.version ?? '<none>', 1),
  AGE_COLUMN,
];
