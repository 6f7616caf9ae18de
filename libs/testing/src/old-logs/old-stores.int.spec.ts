/** Store directories of older versions open and give the events that they held. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import type { RecordedEvent } from '@weft/api';
import { openEmbeddedStore, verifyEmbeddedStore } from '@weft/event-store';
import { readLog, storeFile } from './old-log.ts';

describe.each(['v0.1'])('The embedded store of %s', (version) => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'weft-old-store-'));
    writeFileSync(join(directory, 'events.mdb'), gunzipSync(readFileSync(storeFile(version))));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('is sound, and holds the recorded events byte by byte', async () => {
    const store = await openEmbeddedStore({ directory });
    const events: RecordedEvent[] = [];
    for await (const event of store.readAll()) events.push(event);
    await store.close();
    expect(text(events)).toEqual(text(readLog(version)));
    await expect(verifyEmbeddedStore(directory)).resolves.toMatchObject({ events: events.length });
  });
});

function text(events: readonly RecordedEvent[]): string[] {
  return events.map(({ stream, revision, position, id, type, data, metadata }) =>
    JSON.stringify([stream, `${revision}`, `${position}`, id, type, data, metadata]),
  );
}
