import type { DomainPart } from '@weft/api';
import { networkPolicyKind } from './network-policy.kind.ts';
import { networkPolicyLoops } from './network-policy.loops.ts';

export const networkPolicyPart: DomainPart = { kinds: [networkPolicyKind], loops: networkPolicyLoops };
