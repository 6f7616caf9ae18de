export { createPolicyService, POLICY_SERVICE } from './policy-svc.ts';
