/** `weft up --processes`: one process each, started again when they die, ended with their supervisor (DESIGN 6). */
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { freePort } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { call, must, NETWORKS, network } from './api.ts';
import { descendantsOf, isAlive, membersOf, signalGroup, withProcesses } from './processes.ts';
import { childOf, READY_MS_MAX, startProcesses } from './supervised.ts';

describe('weft up --processes', () => {
  it(
    'starts a dead service again, leaves nobody behind when it is killed, and finds everything at the next start',
    withProcesses(240_000, async (workspace) => {
      const url = `http://127.0.0.1:${await freePort()}`;
      const first = await startProcesses(workspace, url);
      await must(url, 'POST', NETWORKS, network('red'));
      const owner = await childOf(first, 'network-svc');
      expect(membersOf(first.pid)).toContain(owner);
      process.kill(owner, 'SIGKILL');
      // A write is answered in time, also while nobody serves it; and again with 201 once the service is back.
      await until(
        'a write is accepted again',
        async () => {
          const { code, ms } = await call(url, 'POST', NETWORKS, network('blue'));
          expect([201, 409, 503, 504]).toContain(code);
          expect(ms).toBeLessThan(10_000);
          return code === 201 || code === 409;
        },
        READY_MS_MAX,
      );
      expect(await childOf(first, 'network-svc')).not.toBe(owner);

      const children = descendantsOf(first.pid);
      process.kill(first.pid, 'SIGKILL');
      await first.exited;
      await until('services and bus end with their supervisor', () => !children.some(isAlive));

      const second = await startProcesses(workspace, url);
      for (const name of ['red', 'blue']) expect((await call(url, 'GET', `${NETWORKS}/${name}`)).code).toBe(200);
      const others = descendantsOf(second.pid);
      // The first start's words are in the same file.
      const said = await until('it to say that it is ready', () => /[\s\S]*Stop: [\s\S]*Stop: .*\n/.exec(workspace.logOf(second))?.[0]);
      signalGroup(second.pid, 'SIGINT');
      expect(await second.exited).toBe(0);
      await until('all are gone', () => membersOf(second.pid).length === 0 && !others.some(isAlive));
      // Ctrl-C reaches the services and the bus too: that they end is no news.
      expect(workspace.logOf(second)).toBe(said);
    }),
    260_000,
  );

  it(
    'refuses a port that is in use',
    withProcesses(180_000, async (workspace) => {
      const taken = createServer().listen(0, '127.0.0.1');
      await once(taken, 'listening');
      workspace.atEnd(async () => taken.close());
      const { port } = taken.address() as AddressInfo;
      const env = { WEFT_HTTP: `127.0.0.1:${port}`, WEFT_DATA: join(workspace.directory, 'data') };
      const started = workspace.program('weft', ['apps/weft/src/main.ts', 'up', '--processes'], { env });
      expect(await started.exited).toBe(1);
      expect(workspace.logOf(started)).toMatch(new RegExp(`^weft: 127\\.0\\.0\\.1:${port} is in use .*WEFT_HTTP`));
    }),
    200_000,
  );
});
