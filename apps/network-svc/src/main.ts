/** network-svc in a process of its own. `WEFT_DATA`, `WEFT_EVENT_STORE`, `WEFT_NATS`, `WEFT_HEALTH` (address:port), `WEFT_LOG`. */
import 'reflect-metadata';
import { runService, weftDomains } from '@weft/service';
import { createNetworkService, NETWORK_SERVICE } from './network-svc.ts';

await runService({ name: NETWORK_SERVICE, domains: weftDomains, create: createNetworkService });
