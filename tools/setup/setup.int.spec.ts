import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const script = join(import.meta.dirname, '../setup.mjs');
// A bus that runs elsewhere leaves nothing to look for.
const setup = (...args: string[]) =>
  spawnSync(process.execPath, [script, ...args], {
    encoding: 'utf8',
    env: { PATH: process.env['PATH'], WEFT_NATS: 'nats://127.0.0.1:4222' },
  });

describe('setup', () => {
  it('says nothing when there is nothing to do', () => {
    setup('start'); // The lock may have changed since the last time.
    const { status, stdout, stderr } = setup('start');
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: '', stderr: '' });
  });

  it('names the commands it knows', () => {
    const { status, stderr } = setup('dance');
    expect(status).toBe(1);
    expect(stderr).toContain('start, test, demo, bench or build');
  });
});
