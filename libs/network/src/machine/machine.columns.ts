import { AGE_COLUMN, type Column, NAME_COLUMN, specOf, statusOf, textColumn } from '@weft/api';
import type { MachineSpec, MachineStatus } from './machine.model.ts';

const spec = specOf<MachineSpec>;

export const machineColumns: readonly Column[] = [
  NAME_COLUMN,
  textColumn('MachineClassRef', 'Class of the machine.', (object) => spec(object).machineClassRef?.name ?? ''),
  textColumn('Image', 'Image of the operating system.', (object) => spec(object).image || '<none>'),
  textColumn('MachinePoolRef', 'Host that runs the machine.', (object) => spec(object).machinePoolRef?.name || '<none>'),
  textColumn('State', 'Whether the machine runs.', (object) => statusOf<MachineStatus>(object).state || '<unknown>'),
  AGE_COLUMN,
];
