/** policy-svc in a process of its own. `WEFT_DATA`, `WEFT_EVENT_STORE`, `WEFT_NATS`, `WEFT_HEALTH` (address:port), `WEFT_LOG`. */
import 'reflect-metadata';
import { runService, weftDomains } from '@weft/service';
import { createPolicyService, POLICY_SERVICE } from './policy-svc.ts';

await runService({ name: POLICY_SERVICE, domains: weftDomains, create: createPolicyService });
