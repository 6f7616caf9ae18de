/** lb-svc in a process of its own. `WEFT_DATA`, `WEFT_EVENT_STORE`, `WEFT_NATS`, `WEFT_HEALTH` (address:port), `WEFT_LOG`. */
import 'reflect-metadata';
import { runService, weftDomains } from '@weft/service';
import { createLbService, LB_SERVICE } from './lb-svc.ts';

await runService({ name: LB_SERVICE, domains: weftDomains, create: createLbService });
