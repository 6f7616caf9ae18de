/** ipam-svc in a process of its own. `WEFT_DATA`, `WEFT_EVENT_STORE`, `WEFT_NATS`, `WEFT_HEALTH` (address:port), `WEFT_LOG`. */
import 'reflect-metadata';
import { runService, weftDomains } from '@weft/service';
import { createIpamService, IPAM_SERVICE } from './ipam-svc.ts';

await runService({ name: IPAM_SERVICE, domains: weftDomains, create: createIpamService });
