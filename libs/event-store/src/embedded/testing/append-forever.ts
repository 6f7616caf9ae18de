/**
 * A process of its own for tests: appends to an embedded store with 32 appends under way until it is killed, and writes a line for each
 * append that was acknowledged. `append-forever.ts <directory> <streams prefix>`
 */
import { writeSync } from 'node:fs';
import { anEvent } from '../../testing/fixtures.ts';
import { openEmbeddedStore } from '../embedded-store.ts';

const [directory = '', prefix = ''] = process.argv.slice(2);
const store = await openEmbeddedStore({ directory });

async function appendTo(stream: string): Promise<never> {
  for (let revision = 0; ; revision++) {
    const event = anEvent({ data: { fill: 'x'.repeat((revision * 37) % 3_000) } });
    await store.append(stream, revision === 0 ? 'none' : BigInt(revision - 1), [event]);
    writeSync(1, `${stream} ${revision} ${event.id}\n`);
  }
}
await Promise.all(Array.from({ length: 32 }, (_, i) => appendTo(`${prefix}.${i}`)));
