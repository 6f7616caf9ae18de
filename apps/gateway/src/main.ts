/** The gateway in a process of its own. `WEFT_HTTP`, `WEFT_INSECURE`, `WEFT_HOSTS`, `WEFT_DATA`, `WEFT_EVENT_STORE`, `WEFT_NATS`, `WEFT_LOG`. */
import 'reflect-metadata';
import { runService, weftDomains } from '@weft/service';
import { gatewayConfig } from './config.ts';
import { createGateway } from './gateway.ts';

await runService({ name: 'gateway', domains: weftDomains, create: (platform) => createGateway(platform, gatewayConfig(process.env)) });
