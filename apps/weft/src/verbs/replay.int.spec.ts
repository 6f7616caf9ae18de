/** `weft replay` on an embedded store. */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Append } from '@weft/api';
import { openEmbeddedStore } from '@weft/event-store';
import { run as weft } from '../cli/program.ts';
import { writeLog } from '../testing/fabric.ts';
import { smallWorld } from '../testing/small-world.ts';
import { textTerminal } from '../testing/text-terminal.ts';

describe('weft replay', () => {
  const { appends: log } = smallWorld();
  const written = log.flatMap(({ events }) => events);
  let directory = '';
  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'weft-replay-'));
    const store = await openEmbeddedStore({ directory: join(directory, 'events') });
    await writeLog(store, log);
    await store.close();
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  async function run(...args: string[]): Promise<Readonly<{ code: number; said: string; complained: string }>> {
    const terminal = textTerminal({ WEFT_DATA: directory });
    const code = await weft(['replay', ...args], terminal);
    return { code, said: terminal.said(), complained: terminal.complained() };
  }
  const eventsIn = (text: string) =>
    text.split('\n').map((line) => JSON.parse(line) as { id: string; type: string; position: string; kind: string; time: string });

  it('prints every event once and in order, as JSON lines', async () => {
    const { code, said, complained } = await run('events');
    expect(code).toBe(0);
    const events = eventsIn(said);
    expect(events.map(({ id }) => id)).toEqual(written.map(({ id }) => id));
    expect(events[0]).toMatchObject({ specversion: '1.0', type: 'dev.weft.NamespaceCreated.v1', kind: 'Namespace' });
    expect(complained).toMatch(new RegExp(`^${join(directory, 'events')}: ${events.length} events between positions 0 and \\d+ in `));
  });

  it('keeps to a range, to kinds, and to a rate', async () => {
    const all = eventsIn((await run('events')).said);
    const [from, to] = [all[4]?.position as string, all[9]?.position as string];
    expect(eventsIn((await run('events', '--from', from, '--to', to)).said)).toEqual(all.slice(5, 10));
    const since = all[3]?.time as string;
    expect(eventsIn((await run('events', '--from', since)).said)).toEqual(all.filter(({ time }) => time >= since));
    const networks = eventsIn((await run('events', '--kind', 'Network,Host')).said);
    expect(networks).toEqual(all.filter(({ kind }) => ['Network', 'Host'].includes(kind)));
    expect(eventsIn((await run('events', '--rate', '10000')).said)).toEqual(all);
  });

  it('writes files whose names are in order, into a directory of its own', async () => {
    const target = join(directory, 'out');
    expect(await run('events', '--directory', target)).toMatchObject({ code: 0, said: '' });
    const files = readdirSync(target).sort();
    expect(files[0]).toMatch(/^events-0{10,}\d+\.jsonl$/);
    const lines = files.map((file) => readFileSync(join(target, file), 'utf8')).join('');
    expect(eventsIn(lines.trimEnd()).map(({ id }) => id)).toEqual(written.map(({ id }) => id));
    expect(await run('events', '--directory', target)).toMatchObject({ code: 2, complained: expect.stringContaining('is not empty') });
  });

  it('makes rows of the log, now and as they were', async () => {
    const target = join(directory, 'rows');
    const { code, said } = await run('rows', '--no-compare', '--directory', target, '-o', 'json');
    expect(code).toBe(0);
    const made = JSON.parse(said) as { rows: number; tables: number; events: number; faults: unknown[] };
    expect(made).toMatchObject({ faults: [] });
    expect(readdirSync(target)).toEqual(expect.arrayContaining(['hosts.jsonl', 'placements.host-a.jsonl', 'endpoints.200.jsonl']));
    expect(JSON.parse(readFileSync(join(target, 'hosts.jsonl'), 'utf8'))).toMatchObject({ key: 'host-a', row: { underlay: '192.0.2.1' } });
    const early = await run('rows', '--at', '2');
    expect(early).toMatchObject({
      code: 0,
      said: expect.stringMatching(/: 0 rows in 0 tables, made of \d+ events up to position \d+ in /),
    });
  });

  it('weft diff --host tells what a host was told more, and less, between two moments', async () => {
    const diff = async (...args: string[]) => {
      const terminal = textTerminal({ WEFT_DATA: directory });
      return {
        code: await weft(['diff', '--host', 'host-a', ...args], terminal),
        said: terminal.said(),
        complained: terminal.complained(),
      };
    };
    const placed = log.findIndex(({ stream }) => stream.startsWith('Machine-'));
    const all = eventsIn((await run('events')).said);
    const positionOf = (append: Append | undefined) => all.find(({ id }) => id === append?.events.at(-1)?.id)?.position ?? '';
    const before = positionOf(log[placed - 1]);
    const names = await diff('--from', before, '-o', 'name');
    expect([names.code, names.complained]).toEqual([1, '']);
    expect(names.said.split('\n').map((line) => line.split(' ')[0])).toEqual(['endpoints.200', 'placements.host-a', 'policies.200']);
    expect((await diff('--from', before)).said).toMatch(/^\+ endpoints\.200 \S+ began\n {2}\+ /);
    expect(await diff('--from', positionOf(log.at(-1)))).toEqual({ code: 0, said: '', complained: '' });
    expect(JSON.parse((await diff('--from', before, '-o', 'json')).said)).toMatchObject({
      host: 'host-a',
      from: before,
      rows: expect.any(Array),
    });
    expect(await diff('--from', positionOf(log.at(-1)), '--to', before)).toMatchObject({
      code: 2,
      complained: expect.stringContaining('behind --to'),
    });

    const unknown = textTerminal({ WEFT_DATA: directory });
    expect(await weft(['diff', '--host', 'nope', '--from', '1'], unknown)).toBe(1);
    expect({ said: unknown.said(), complained: unknown.complained() }).toEqual({
      said: '',
      complained: expect.stringMatching(/host "nope" not found at position 1 or \d+: "weft history host\/nope" tells/),
    });
    expect(await diff('networks', '--from', '1')).toMatchObject({ code: 2, complained: expect.stringContaining('say of what') });
  });

  it.each([
    [['events', '--from', 'yesterday'], 2, '"yesterday" is neither a position'],
    [['events', '--to', '999999999'], 2, 'lies beyond the log'],
    [['events', '--from', '3', '--to', '2'], 2, '--from lies behind --to'],
    [['events', '--from', '2999-01-01T00:00:00Z'], 2, '2999-01-01T00:00:00Z lies in the future'],
    [['rows', '--at', '2999-01-01T00:00:00Z'], 2, '2999-01-01T00:00:00Z lies in the future'],
    [['events', '--kind', 'Netwerk'], 2, '"Netwerk" is no kind: '],
    [['events', '--rate', 'fast'], 2, '--rate "fast" is not understood'],
    [['events', '--subject', 'weft.cmd'], 2, 'no subject to publish on'],
    [['events', '--at', '3'], 2, '--at is for "weft replay rows"'],
    [['rows', '--rate', '3'], 2, '--rate is for "weft replay events"'],
    [['events', '--switch'], 2, '--switch is for "weft replay rows"'],
    [['rows', '--switch', '--at', '3'], 2, '--switch is for the rows of now'],
    [['tables'], 2, 'Allowed choices are rows, events'],
  ])('refuses %j in words', async (args, code, why) => {
    expect(await run(...args)).toMatchObject({ code, said: '', complained: expect.stringContaining(why) });
  });

  it('makes no store where there is none', async () => {
    const terminal = textTerminal({ WEFT_DATA: join(directory, 'nowhere') });
    expect(await weft(['replay', 'events'], terminal)).toBe(2);
    expect(terminal.complained()).toContain('there is no event log in');
    expect(existsSync(join(directory, 'nowhere'))).toBe(false);
  });
});
