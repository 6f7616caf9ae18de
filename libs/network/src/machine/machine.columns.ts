import { AGE_COLUMN, type Column, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { MachineTypes } from './machine.types.ts';

export const machineColumns: readonly Column<MachineTypes>[] = [
  NAME_COLUMN,
  textColumn('MachineClassRef', 'Class of the machine.', (object) => specOf(object).machineClassRef?.name ?? ''),
  textColumn('Image', 'Image of the operating system.', (object) => specOf(object).image || '<none>'),
  textColumn('MachinePoolRef', 'Host that runs the machine.', (object) => specOf(object).machinePoolRef?.name || '<none>'),
  textColumn('State', 'Whether the machine runs.', (object) => statusOf(object).state || '<unknown>'),
  AGE_COLUMN,
];
