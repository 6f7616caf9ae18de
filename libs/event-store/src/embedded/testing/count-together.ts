/**
 * A process of its own for tests: adds to a stream that others add to as well, by reading its end and appending behind it, until it was
 * accepted the given number of times. Prints how often it was refused. `count-together.ts <directory> <stream> <times>`
 */
import { WrongRevisionError } from '../../errors.ts';
import { all, anEvent } from '../../testing/fixtures.ts';
import { openEmbeddedStore } from '../embedded-store.ts';

const [directory = '', stream = '', times = ''] = process.argv.slice(2);
const store = await openEmbeddedStore({ directory });
let refused = 0;
for (let accepted = 0; accepted < Number(times); ) {
  const [last] = await all(store.readStream(stream, { direction: 'backwards', limit: 1 }));
  try {
    await store.append(stream, last?.revision ?? 'none', [anEvent({ data: { pid: process.pid } })]);
    accepted++;
  } catch (error) {
    if (!(error instanceof WrongRevisionError)) throw error;
    refused++;
  }
}
await store.close();
process.stdout.write(JSON.stringify({ storeId: store.storeId, refused }));
