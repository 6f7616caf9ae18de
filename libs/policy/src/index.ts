export { policyDomain } from './policy.domain.ts';
