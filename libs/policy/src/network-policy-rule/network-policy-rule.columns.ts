import { AGE_COLUMN, type Column, NAME_COLUMN, textColumn } from '@weft/api';
import type { NetworkPolicyRuleTypes } from './network-policy-rule.types.ts';

export const policyRuleColumns: readonly Column<NetworkPolicyRuleTypes>[] = [
  NAME_COLUMN,
  textColumn('Network', 'Network whose interfaces are regulated.', ({ networkRef }) => networkRef?.name ?? ''),
  textColumn('Types', 'Directions that are restricted.', ({ policyTypes = [] }) => policyTypes.join(',')),
  textColumn('Targets', 'How many addresses are regulated.', ({ targets = [] }) => `${targets.length}`),
  AGE_COLUMN,
];
