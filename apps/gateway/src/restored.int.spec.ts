/** A backup is restored and written on: positions of the history that is gone are told from those of this one (ADR 45). */
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@weft/api';
import { openEmbeddedStore } from '@weft/event-store';
import { call, openWatch } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const widgets = '/apis/test.weft.dev/v1/namespaces/default/widgets';
const metadataOf = ({ metadata }: JsonObject) => metadata as JsonObject;
const versionOf = (object: JsonObject) => metadataOf(object)['resourceVersion'] as string;

describe('After a backup was restored and written on', () => {
  let directory: string;
  let system: System | undefined;
  const startOn = async (name: string) => {
    system = await startSystem({ store: await openEmbeddedStore({ directory: join(directory, name) }) });
  };
  const stop = async () => {
    await system?.stop();
    system = undefined;
  };
  const request = (method: string, path: string, body?: JsonObject) => call((system as System).url, method, path, body);
  const create = async (name: string) => (await request('POST', widgets, { metadata: { name }, spec: { colour: 'red' } })).json;
  const watch = (version: string, more = '') =>
    openWatch((system as System).url, `${widgets}?watch=true&resourceVersion=${version}${more}`);

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weft-restored-'));
    await startOn('first');
    await create('a');
    await create('b');
    await stop();
    cpSync(join(directory, 'first'), join(directory, 'backup'), { recursive: true });
  });
  afterEach(async () => {
    await stop();
    rmSync(directory, { recursive: true, force: true });
  });

  it('watches, lists and pages from the history that is gone get 410, its replacements 409; those from before the backup go on', async () => {
    await startOn('first');
    const before = versionOf((await request('GET', widgets)).json);
    const lost = await create('lost');
    const page = metadataOf((await request('GET', `${widgets}?limit=1`)).json);
    const gone = page['resourceVersion'] as string;
    expect(BigInt(gone)).toBeGreaterThan(BigInt(before));
    await stop();

    await startOn('backup');
    // A client must not miss this one: it stands where the lost one stood.
    const found = await create('found');
    expect(versionOf(found).slice(0, -8)).toBe(versionOf(lost).slice(0, -8));
    for (const version of [gone, versionOf(lost)]) {
      for (const more of ['', '&sendInitialEvents=true&resourceVersionMatch=NotOlderThan', '&allowWatchBookmarks=true']) {
        const reader = await watch(version, more);
        expect(await reader.untilEnded()).toBe(true);
        expect(reader.events.map(({ type, object }) => [type, object['code']])).toEqual([['ERROR', 410]]);
      }
      for (const match of ['', '&resourceVersionMatch=NotOlderThan', '&resourceVersionMatch=Exact'])
        expect((await request('GET', `${widgets}?resourceVersion=${version}${match}`)).json).toMatchObject({
          code: 410,
          reason: 'Expired',
        });
      expect((await request('GET', `${widgets}/a?resourceVersion=${version}`)).code).toBe(410);
    }
    expect((await request('GET', `${widgets}?limit=1&continue=${page['continue']}`)).code).toBe(410);
    const stale = { metadata: { name: 'found', resourceVersion: versionOf(lost) }, spec: { colour: 'blue' } };
    expect((await request('PUT', `${widgets}/found`, stale)).code).toBe(409);

    const reader = await watch(before);
    await reader.until('what came after the backup', (events) => events.length > 0);
    expect(reader.events.map(({ type, object }) => `${type} ${object.metadata['name']}`)).toEqual(['ADDED found']);
    reader.close();
  });

  it('positions that it has not reached yet are not waited for by watches, and are judged once they are there', async () => {
    await startOn('first');
    await create('c');
    const gone = versionOf(await create('lost'));
    await stop();
    await startOn('backup');
    const early = await watch(gone);
    expect(await early.untilEnded()).toBe(true);
    expect(early.events).toMatchObject([{ type: 'ERROR', object: { code: 410 } }]);
    const listing = request('GET', `${widgets}?resourceVersion=${gone}`);
    await create('x');
    await create('y');
    expect((await listing).code).toBe(410);
  });

  it('an object has its version again after a restart', async () => {
    await startOn('backup');
    const before = (await request('GET', widgets)).json;
    await stop();
    await startOn('backup');
    expect((await request('GET', widgets)).json).toEqual(before);
    expect((await request('GET', `${widgets}?resourceVersion=${versionOf(before)}&resourceVersionMatch=Exact`)).json).toEqual(before);
  });
});
