/** Asks targets of balancers on this host whether they serve, from the routers of their networks, by a child process (probe-program.mjs). */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { bytesOfIp } from '@weft/api';
import type { Probe, Prober } from '@weft/fabric';
import { NETNS_DIRECTORY, routerNamespace } from '../objects/names.ts';

const PROGRAM = join(import.meta.dirname, 'probe-program.mjs');

/** `hostIndex`: whose routers they are. The child starts with the first probe, and again after its end. */
export function createProber(hostIndex: number): Prober {
  const waiting = new Map<number, (ok: boolean | undefined) => void>();
  let child: ChildProcess | undefined;
  let ids = 0;

  function start(): ChildProcess {
    const made = spawn(process.execPath, ['--max-semi-space-size=1', PROGRAM], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
      env: { PATH: '', LC_ALL: 'C' },
    });
    made.on('message', ({ id, ok }: { id?: number; ok?: boolean }) => {
      if (id !== undefined) waiting.get(id)?.(ok === true);
    });
    const over = (): void => {
      if (child === made) child = undefined;
      for (const end of [...waiting.values()]) end(undefined);
    };
    made.on('exit', over);
    made.on('error', over);
    return made;
  }

  return {
    probe({ vni, ip, check: { protocol, port, timeoutMs } }: Probe): Promise<boolean | undefined> {
      child ??= start();
      const id = ++ids;
      const netns = `${NETNS_DIRECTORY}/${routerNamespace(hostIndex, vni)}`;
      return new Promise((resolve) => {
        waiting.set(id, (ok) => {
          waiting.delete(id);
          resolve(ok);
        });
        child?.send({ id, netns, protocol, ip: bytesOfIp(ip), ...(port !== undefined && { port }), timeoutMs }, () => {});
      });
    },
    async close() {
      const ending = child;
      if (ending === undefined) return;
      await new Promise((resolve) => {
        ending.once('exit', resolve);
        ending.disconnect();
      });
    },
  };
}
