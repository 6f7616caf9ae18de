/** A service that takes so long to start that its supervisor is gone by then. */
import { endOnSignal } from '../runtime/run-service.ts';

setInterval(() => {}, 60_000); // Only `endOnSignal` ends it.
process.send?.('starting');
while (process.connected) await new Promise((resolve) => setImmediate(resolve));
endOnSignal('late starter', { level: 'info' }, async () => {});
