/** `weft verify` on embedded stores: good ones, also while they are written, damaged ones, and ones that are not at rest. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Append, createFold, type Fold, registry, systemClock } from '@weft/api';
import { type EventStore, openEmbeddedStore } from '@weft/event-store';
import { readByRows } from '@weft/fabric';
import { FoldSnapshots, foldVersion, weftDomains } from '@weft/service';
import { World } from '@weft/testing';
import { run as weft } from '../cli/program.ts';
import { textTerminal } from '../testing/text-terminal.ts';

const NETWORKING = 'networking.ironcore.dev/v1alpha1';

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

function lived(): World {
  const world = new World();
  world.create({ kind: 'Namespace', metadata: { name: 'ns' } });
  world.create({ apiVersion: NETWORKING, kind: 'Network', metadata: { name: 'net', namespace: 'ns' }, spec: {} });
  const spec = { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.1' }] };
  world.create({ apiVersion: NETWORKING, kind: 'NetworkInterface', metadata: { name: 'nic', namespace: 'ns' }, spec });
  world.settle();
  return world;
}

describe('weft verify', () => {
  const { appends: log } = lived();
  let directory = '';
  let store: EventStore | undefined;

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'weft-verify-'));
  });
  afterEach(async () => {
    await store?.close();
    store = undefined;
    rmSync(directory, { recursive: true, force: true });
  });

  async function write(appends: readonly Append[]): Promise<EventStore> {
    store = await openEmbeddedStore({ directory: join(directory, 'events') });
    for (const { stream, events } of appends) {
      const before = (events[0]?.revision ?? 0n) - 1n;
      await store.append(stream, before < 0n ? 'none' : before, events);
    }
    return store;
  }

  async function run(...args: string[]): Promise<Readonly<{ code: number; said: string; complained: string }>> {
    const terminal = textTerminal({ WEFT_DATA: directory });
    const code = await weft(['verify', ...args], terminal);
    return { code, said: terminal.said(), complained: terminal.complained() };
  }

  it('finds a good log intact and at rest, while it is open elsewhere', async () => {
    await write(log);
    const { code, said, complained } = await run();
    expect([code, complained]).toEqual([0, '']);
    expect(said).toContain(`${join(directory, 'events')}: `);
    expect(said).toContain('1 NetworkInterface');
    expect(said).toMatch(
      /\ntook \d+\.\d s \(\d+ events a second\); covered: order and whole appends, schemas, .*\nIntact: .* At rest: no loop owes anything\.$/,
    );
  });

  it('says the same as JSON', async () => {
    const { storeId } = await write(log);
    const { code, said } = await run('--json');
    expect(code).toBe(0);
    const report = JSON.parse(said) as Record<string, unknown>;
    expect(report).toMatchObject({ store: join(directory, 'events'), result: 'intact', storeId, log: { found: 0, owing: 0, foreign: 0 } });
    expect((report['log'] as { position: string }).position).toMatch(/^\d+$/);
  });

  it('names what is owed by a log that ends in the middle', async () => {
    await write(
      log.slice(
        0,
        log.findIndex(({ stream }) => stream.startsWith('VniPool-')),
      ),
    );
    const { code, said } = await run();
    expect(code).toBe(3);
    expect(said).toContain('OWED  by loop allocate-vni about ns/net: [{"target":"reservation"');
    expect(said).toMatch(/Intact: .* Not at rest: \d+ keys owe something\./);
    expect(JSON.parse((await run('--json')).said)).toMatchObject({ result: 'owing' });
  });

  it('finds an event that Weft cannot have written', async () => {
    const opened = await write(log);
    const [event] = (log.at(-1) as Append).events;
    await opened.append('Network-ns.odd', 'none', [{ ...event, id: 'ebfc333e-cbd8-56c8-81c0-03e32262916e', type: 'NetworkDreamt.v1' }]);
    const { code, said } = await run();
    expect(code).toBe(1);
    expect(said).toMatch(/WRONG at position \d+, stream "Network-ns\.odd": .* has no event NetworkDreamt\.v1/);
    expect(said).toMatch(/WRONG: \d+ findings\. Keep the store as it is/);
  });

  it('finds a wrong byte, with the remedy, and looks no further', async () => {
    await (await write(log)).close();
    store = undefined;
    const file = join(directory, 'events', 'events.mdb');
    const bytes = readFileSync(file);
    // A text that stands in events alone; keys of the index are not checked by sums.
    for (let at = bytes.indexOf('NetworkVniAssigned.v1'); at >= 0; at = bytes.indexOf('NetworkVniAssigned.v1', at + 1)) bytes[at] = 0x58;
    writeFileSync(file, bytes);
    const { code, said } = await run();
    expect(code).toBe(1);
    expect(said).toContain('damaged');
    expect(said).toContain('put a backup of this file in its place');
    expect(JSON.parse((await run('--json')).said)).toMatchObject({ result: 'wrong', damage: expect.stringContaining('checksum') });
  });

  it('makes no store where there is none, and says which setting names it', async () => {
    const { code, said, complained } = await run();
    expect([code, said]).toEqual([2, '']);
    expect(complained).toContain(`there is no event log in ${join(directory, 'events')}`);
    expect(complained).toContain('set WEFT_DATA, or WEFT_EVENT_STORE=embedded:<directory>');
    expect((await run()).complained).toContain('there is no event log');
  });

  it('refuses arguments and settings that it does not understand', async () => {
    expect(await run('--fast')).toMatchObject({ code: 2, complained: expect.stringContaining("unknown option '--fast'") });
    const terminal = textTerminal({ WEFT_EVENT_STORE: 'mysql://x' });
    expect(await weft(['verify'], terminal)).toBe(2);
    expect(terminal.complained()).toContain('WEFT_EVENT_STORE must be');
  });

  it('compares the snapshot that a start would begin with', async () => {
    const opened = await write(log);
    const kinds = registry(weftDomains);
    const snapshot = async (spoil: (fold: Fold) => void): Promise<void> => {
      const parts = { clock: systemClock, ids: { uuid: randomUUID }, random: () => 0, log: quiet, eventsBetween: 1 };
      const version = foldVersion(weftDomains) ?? '';
      const snapshots = new FoldSnapshots({ ...parts, directory: join(directory, 'snapshots'), version, store: opened, registry: kinds });
      const fold = createFold(kinds, { followed: readByRows(kinds) });
      for await (const page of opened.readAppendPages()) {
        for (const append of page) {
          fold.apply(append);
          snapshots.applied(append);
        }
      }
      spoil(fold);
      snapshots.writeIfDue(fold);
      await snapshots.whenWritten();
    };
    await snapshot(() => {});
    expect((await run()).said).toContain(`the snapshot at position ${await opened.head()} is what the log says there`);
    rmSync(join(directory, 'snapshots'), { recursive: true });
    await snapshot((fold) => fold.image.put({ ledger: 'vni-grants', key: 'nobody', record: { vni: 7 }, moved: true }));
    const { code, said } = await run();
    expect(code).toBe(1);
    expect(said).toContain('the records of vni-grants');
    expect(said).toContain('The log is intact');
  });
});
