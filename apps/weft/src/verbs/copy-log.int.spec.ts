import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { RecordedEvent } from '@weft/api';
import { openEventStore } from '@weft/event-store';
import { recorded } from '@weft/testing';
import { run } from '../cli/program.ts';
import { textTerminal } from '../testing/text-terminal.ts';

describe('weft copy-log', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'weft-copy-'));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  const weft = async (...words: string[]) => {
    const terminal = textTerminal({ WEFT_DATA: join(directory, 'data') });
    return { code: await run(words, terminal), said: terminal.said(), complained: terminal.complained() };
  };

  it('copies the log of this machine, says that the copy is the same, and refuses another log', async () => {
    const source = await openEventStore(`embedded:${directory}/data/events`);
    const [{ id, type, data, metadata }] = recorded('Thing-ns.a', [{ type: 'ThingCreated.v1', data: {} }]) as [RecordedEvent];
    await source.append('Thing-ns.a', 'none', [{ id, type, data, metadata }]);
    await source.close();
    const copied = await weft('copy-log', '--to', `embedded:${directory}/copy`);
    expect(copied).toMatchObject({ code: 0, complained: '' });
    expect(copied.said).toMatch(/copy: 2 events, up to position 2 of the log; the copy was compared and is the same/);
    const copy = await openEventStore(`embedded:${directory}/copy`);
    expect(copy.storeId).toBe(source.storeId);
    await copy.close();
    expect(await weft('copy-log', '--to', `embedded:${directory}/copy`)).toMatchObject({ code: 0 });
    await (await openEventStore(`embedded:${directory}/other`)).close();
    const refused = await weft('copy-log', '--to', `embedded:${directory}/other`);
    expect([refused.code, refused.complained]).toEqual([2, expect.stringContaining('the target holds another log')]);
    expect((await weft('copy-log', '--to', 'nonsense:')).code).toBe(2);
    expect((await weft('copy-log')).code).toBe(2);
  });

  it('copies nothing where there is no log, and makes none', async () => {
    const where = join(directory, 'data', 'events');
    const refused = await weft('copy-log', '--to', `embedded:${directory}/copy`);
    expect([refused.code, refused.said]).toEqual([2, '']);
    expect(refused.complained).toContain(`there is no event log in ${where}`);
    expect(refused.complained).toContain('set WEFT_DATA, or WEFT_EVENT_STORE=embedded:<directory>');
    mkdirSync(join(directory, 'empty'));
    const named = await weft('copy-log', '--from', `embedded:${directory}/empty`, '--to', `embedded:${directory}/copy`);
    expect([named.code, named.complained]).toEqual([2, expect.stringContaining(`there is no event log in ${directory}/empty`)]);
    expect(named.complained).not.toContain('WEFT_DATA');
    expect(readdirSync(directory)).toEqual(['empty']);
    expect(readdirSync(join(directory, 'empty'))).toEqual([]);
    expect(await weft('copy-log', '--from', 'memory:', '--to', `embedded:${directory}/copy`)).toMatchObject({
      code: 2,
      complained: expect.stringContaining('there is no event log in memory:'),
    });
    expect(existsSync(join(directory, 'copy'))).toBe(false);
  });

  it('refuses to copy a log onto itself', async () => {
    const url = `embedded:${directory}/data/events`;
    await (await openEventStore(url)).close();
    const refused = await weft('copy-log', '--to', url);
    expect([refused.code, refused.said]).toEqual([2, '']);
    expect(refused.complained).toContain(`${url} and ${url} are the same log`);
  });
});
