import type { DomainPart } from '@weft/api';
import { machineKind } from './machine.kind.ts';
import { machineLoops } from './machine.loops.ts';

export const machinePart: DomainPart = { kinds: [machineKind], loops: machineLoops };
