import type { DomainPart } from '@weft/api';
import { namespaceKind } from './namespace.kind.ts';
import { namespaceLoops } from './namespace.loops.ts';

export const namespacePart: DomainPart = { kinds: [namespaceKind], loopsOverKinds: namespaceLoops };
