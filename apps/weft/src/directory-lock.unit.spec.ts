import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { identityOf } from '@weft/bus';
import { DirectoryLockedError, lockDirectory } from './directory-lock.ts';

describe('lockDirectory', () => {
  let directory: string;
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), `weft-lock-${process.pid}-`));
  });
  afterEach(() => rmSync(directory, { recursive: true, force: true }));

  it('makes the directory, and refuses a second holder with pid and URL of the first', () => {
    const inside = join(directory, 'new');
    const lock = lockDirectory(inside);
    lock.serves('http://127.0.0.1:7480');
    expect(() => lockDirectory(inside)).toThrow(DirectoryLockedError);
    expect(() => lockDirectory(inside)).toThrow(new RegExp(`process ${process.pid} and serves http://127.0.0.1:7480`));
    lock.release();
    lockDirectory(inside).release();
    expect(readdirSync(inside)).toEqual([]);
  });

  it('takes over from a holder that is dead, also when its pid is another process by now', () => {
    const file = join(directory, 'weft.lock');
    writeFileSync(file, JSON.stringify({ pid: process.pid, identity: { ...identityOf(process.pid), startTicks: '1' } }));
    const lock = lockDirectory(directory);
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ pid: process.pid, identity: identityOf(process.pid) });
    lock.release();
    writeFileSync(file, 'half a fi');
    lockDirectory(directory).release();
  });

  it.each([
    ['a file', 'file'],
    ['in a file', 'file/data'],
    ['where nothing can be made', '/proc/weft'],
  ])('says so when it is asked for %s', (_what, name) => {
    writeFileSync(join(directory, 'file'), '');
    const asked = resolve(directory, name);
    expect(() => lockDirectory(asked)).toThrow(new RegExp(`^${asked} .*WEFT_DATA`));
  });

  it('makes the directories above as well', () => {
    lockDirectory(join(directory, 'a/b/c')).release();
    expect(readdirSync(join(directory, 'a/b/c'))).toEqual([]);
  });
});
