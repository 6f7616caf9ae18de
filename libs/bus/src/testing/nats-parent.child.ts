/** Starts a bus server in a directory, says its pid, and runs until it is killed. */
import { startNatsServer } from '../server/nats-server.ts';
import { keptLog } from './fixtures.ts';

const server = await startNatsServer({ directory: process.argv[2] as string, log: keptLog() });
process.send?.(server.pid);
setInterval(() => {}, 60_000);
