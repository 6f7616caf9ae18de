import type { Feature } from '../kernel/feature.ts';
import { policyEntries } from './policy.entries.ts';
import { POLICY_CHAINS, POLICY_SECTIONS } from './policy.layout.ts';

/** NetworkPolicies, on both ends of each flow (ADR 49). */
export const policyKernel: Feature = {
  name: 'policy',
  whole: true,
  tables: ['policies', 'balancers'],
  sections: POLICY_SECTIONS,
  chains: POLICY_CHAINS,
  entries: policyEntries,
};
