import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { HostLockedError, lockHost, lockIndex } from './host-lock.ts';
import { presentHostIndexes } from './present-indexes.ts';

/** Not that of agents on this machine. */
const prefix = `weft-test-${process.pid}`;

describe('the host lock', () => {
  it('refuses a second agent in the same namespace, and lets one in after the first has gone', async () => {
    const lock = await lockHost(undefined, prefix);
    await expect(lockHost(undefined, prefix)).rejects.toThrow(HostLockedError);
    await lock.release();
    await (await lockHost(undefined, prefix)).release();
  });

  it('is gone with a process that was killed', async () => {
    const holds = `require('net').createServer().listen('\\0${prefix}/' + require('fs').readlinkSync('/proc/self/ns/net').replace(/\\D/g, ''), () => console.log('held'))`;
    const child = spawn(process.execPath, ['-e', holds], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout!, 'data');
    await expect(lockHost(undefined, prefix)).rejects.toThrow(HostLockedError);
    child.kill('SIGKILL');
    await once(child, 'exit');
    await (await lockHost(undefined, prefix)).release();
  });

  it('refuses a second agent under one index, and a new Host avoids that index while the first agent lives', async () => {
    const index = 60_000 + (process.pid % 5_000);
    const lock = await lockIndex('here', index);
    await expect(lockIndex('there', index)).rejects.toThrow(new RegExp(`host number ${index}.* delete Host there,`));
    expect(await presentHostIndexes()).toContain(index);
    await lock.release();
    expect(await presentHostIndexes()).not.toContain(index);
    await (await lockIndex('there', index)).release();
  });

  it('says when there is no such namespace', async () => {
    await expect(lockHost('weft-no-such-namespace')).rejects.toThrow('ip netns add weft-no-such-namespace');
  });
});
