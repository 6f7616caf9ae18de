/** A process that applies one change and can be killed at it: the tests' agent. Reads `{options, change}` from its standard input. */
import { text } from 'node:stream/consumers';
import type { DriverChange } from '@weft/fabric';
import { createLinuxDriver, type LinuxDriverOptions } from '../linux.driver.ts';

const { options, change } = JSON.parse(await text(process.stdin)) as { options: LinuxDriverOptions; change: DriverChange };
const driver = createLinuxDriver(options);
await driver.read();
process.stdout.write('begin\n');
const { failed } = await driver.apply(change);
process.stdout.write(`done ${JSON.stringify(failed)}\n`);
await driver.close();
