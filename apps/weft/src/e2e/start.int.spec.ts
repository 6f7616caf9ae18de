/** How `weft up` starts and ends: refusals that say what to do, and nothing left behind (DESIGN 9.14 to 9.16). */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, statSync, truncateSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { freePort } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { AllInOne } from './all-in-one.ts';
import { type ApiObject, call, HOSTS, idempotent, list, MACHINES, machine, must, NETWORKS, NICS, network, nic } from './api.ts';
import { PrivateMounts } from './private-mounts.ts';
import { descendantsOf, isAlive, membersOf, type Started, signalGroup, type Workspace, withProcesses } from './processes.ts';

const END_MS_MAX = 25_000;
const mountsNeed = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0 ? undefined : 'needs root';

/** What `weft` says for people at its end: the last line that is its own. */
function complaint(workspace: Workspace, started: Started): string {
  const said = workspace
    .logOf(started)
    .split('\n')
    .filter((line) => line.startsWith('weft: '));
  return said.at(-1) ?? '';
}

async function expectAllGone(started: Started, others: readonly number[]): Promise<void> {
  await until('everything that it started to end', () => membersOf(started.pid).length === 0 && !others.some(isAlive), END_MS_MAX);
}

function eventsFile(data: string): string {
  const folder = join(data, 'events');
  const files = readdirSync(folder).map((name) => join(folder, name));
  return files.sort((a, b) => statSync(b).size - statSync(a).size)[0] as string;
}

describe('weft up', () => {
  it(
    'ends everything it started at Ctrl-C, sent to itself alone or to the group, and finds everything at the next start',
    withProcesses(180_000, async (workspace) => {
      const weft = await AllInOne.create(workspace);
      for (const [round, signal] of [(pid: number) => process.kill(pid, 'SIGINT'), (pid: number) => signalGroup(pid, 'SIGINT')].entries()) {
        const started = await weft.started();
        const others = descendantsOf(started.pid);
        expect(others.length).toBeGreaterThan(0);
        // All of it stays in the group.
        expect(others.filter((pid) => !membersOf(started.pid).includes(pid))).toEqual([]);
        expect((await list(weft.url, NETWORKS)).items.map(({ metadata }) => metadata.name)).toEqual(round === 0 ? [] : ['n0']);
        await must(weft.url, 'POST', NETWORKS, network(`n${round}`));
        signal(started.pid);
        const code = await Promise.race([started.exited, until('the end of weft', () => false, END_MS_MAX)]);
        expect(code).toBe(0);
        await expectAllGone(started, others);
      }
    }),
    200_000,
  );

  it(
    "shows the figures of all that is in the process, the agent's too, at the gateway's port",
    withProcesses(60_000, async (workspace) => {
      const weft = await AllInOne.create(workspace);
      const started = await weft.started();
      await until('the line that says so', () => workspace.logOf(started).includes('Weft is ready at'));
      const { text } = await call(weft.url, 'GET', '/metrics');
      for (const figure of ['weft_agent_bus_connected 1', 'weft_agent_problems 0', 'weft_gateway_bus_connected 1'])
        expect(text.split('\n')).toContain(figure);
    }),
    80_000,
  );

  it(
    'is ready although its host refuses one interface of two that ask for the same namespace',
    withProcesses(180_000, async (workspace) => {
      const weft = await AllInOne.create(workspace);
      const first = await weft.started();
      await must(weft.url, 'POST', NETWORKS, network('one'));
      for (const name of ['a', 'b']) {
        const { spec, ...rest } = nic(name, 'one', name === 'a' ? '10.0.0.1' : '10.0.0.2');
        await must(weft.url, 'POST', NICS, { ...rest, spec: { ...spec, attributes: { 'fabric.weft.dev/netns': 'shared' } } });
        await must(weft.url, 'POST', MACHINES, machine(name, 'here', name));
      }
      await until('the refusal to show at the host', async () => {
        const { status } = await must<ApiObject>(weft.url, 'GET', `${HOSTS}/here`);
        const conditions = (status?.['conditions'] ?? []) as { type: string; status: string }[];
        return conditions.some(({ type, status }) => type === 'KernelRefused' && status === 'True');
      });
      await workspace.kill(first);
      const second = await weft.started();
      await until('the line that says so', () => workspace.logOf(second).includes('Weft is ready at'));
      expect((await call(weft.url, 'GET', '/readyz?verbose')).text).toContain('[+]dataplane-agent ok\n');
    }),
    200_000,
  );

  it(
    'says nothing at Ctrl-C of the bus, which that ends as well',
    withProcesses(180_000, async (workspace) => {
      const weft = await AllInOne.create(workspace);
      const started = await weft.started();
      const said = await until('it to say so', () => /[\s\S]*Stop: .*\n/.exec(workspace.logOf(started))?.[0]);
      signalGroup(started.pid, 'SIGINT');
      expect(await started.exited).toBe(0);
      expect(workspace.logOf(started)).toBe(said);
    }),
    200_000,
  );

  it(
    'ends at Ctrl-C while it still starts, and says nothing of what that broke',
    withProcesses(180_000, async (workspace) => {
      const weft = await AllInOne.create(workspace);
      // Where no event store is, a start lasts half a minute.
      const started = weft.start({ env: { WEFT_EVENT_STORE: `esdb://127.0.0.1:${await freePort()}?tls=false` } });
      await until('the bus to be started', () => descendantsOf(started.pid).length > 0);
      const others = descendantsOf(started.pid);
      const said = workspace.logOf(started);
      signalGroup(started.pid, 'SIGINT');
      expect([await started.exited, workspace.logOf(started)]).toEqual([0, said]);
      await expectAllGone(started, others);
      expect(existsSync(join(weft.data, 'weft.lock'))).toBe(false);
    }),
    200_000,
  );

  it(
    'refuses an address that others reach unless WEFT_INSECURE=1 says that this is meant, and a port that is in use; and leaves nothing running',
    withProcesses(180_000, async (workspace) => {
      const weft = await AllInOne.create(workspace);
      const { host, port } = new URL(weft.url);
      const reached = { WEFT_HTTP: `0.0.0.0:${port}` };
      const open = weft.start({ env: reached });
      expect(await open.exited).toBe(1);
      expect(complaint(workspace, open)).toMatch(/0\.0\.0\.0.*WEFT_INSECURE=1/);
      await expectAllGone(open, []);

      const other = createServer().listen(Number(port), '127.0.0.1');
      await once(other, 'listening');
      try {
        const second = weft.start();
        expect(await second.exited).toBe(1);
        expect(complaint(workspace, second)).toMatch(new RegExp(`${host} is in use.*WEFT_HTTP`));
        await expectAllGone(second, []);
      } finally {
        other.close();
      }
      // Nothing is held back by the refusals.
      await weft.started({ env: { ...reached, WEFT_INSECURE: '1' } });
    }),
    200_000,
  );

  it(
    'refuses a truncated event file, naming it and the remedy',
    withProcesses(180_000, async (workspace) => {
      const weft = await AllInOne.create(workspace);
      const started = await weft.started();
      for (let at = 1; at <= 20; at++) await must(weft.url, 'POST', NETWORKS, network(`n${at}`));
      await workspace.kill(started);
      const file = eventsFile(weft.data);
      const { size } = statSync(file);
      truncateSync(file, Math.floor(size / 2 / 4_096) * 4_096);
      const refused = weft.start();
      expect(await refused.exited).toBe(1);
      expect(complaint(workspace, refused)).toContain(file);
      expect(complaint(workspace, refused)).toMatch(/backup|restore|copy/i);
      await expectAllGone(refused, []);
      expect(statSync(file).size).toBe(Math.floor(size / 2 / 4_096) * 4_096);
    }),
    200_000,
  );

  if (mountsNeed === undefined) {
    it(
      'says what is wrong with a directory that cannot be written',
      withProcesses(180_000, async (workspace) => {
        const mounts = await PrivateMounts.create(workspace);
        const data = join(workspace.directory, 'read-only');
        mkdirSync(data);
        await mounts.run('mount', '-t', 'tmpfs', '-o', 'ro', 'none', data);
        const weft = await AllInOne.create(workspace, data);
        const refused = weft.start({ wrapper: mounts.wrapper });
        expect(await refused.exited).toBe(1);
        expect(complaint(workspace, refused)).toContain(data);
        expect(complaint(workspace, refused)).toContain('WEFT_DATA');
        await expectAllGone(refused, []);
      }),
      200_000,
    );

    it(
      'loses nothing that it acknowledged when its disk fills up, and goes on when there is room',
      withProcesses(180_000, async (workspace) => {
        const mounts = await PrivateMounts.create(workspace);
        const data = join(workspace.directory, 'small');
        mkdirSync(data);
        await mounts.run('mount', '-t', 'tmpfs', '-o', 'size=3m', 'none', data);
        const weft = await AllInOne.create(workspace, data);
        const started = await weft.started({ wrapper: mounts.wrapper });
        const { url } = weft;
        await must(url, 'POST', NETWORKS, network('red'));
        const acknowledged = new Map<string, string>();
        const key = (name: string) => idempotent(name);
        const large = (name: string, at: number) => {
          const plain = nic(name, 'red', `10.1.${Math.floor(at / 250)}.${(at % 250) + 1}`);
          return { ...plain, metadata: { ...plain.metadata, annotations: { padding: 'x'.repeat(60_000) } } };
        };
        let full: string | undefined;
        let at = 0;
        for (; full === undefined && at < 400; at++) {
          const name = `nic-${at}`;
          const { code, json, text } = await call(url, 'POST', NICS, large(name, at), key(name));
          if (code === 201) acknowledged.set(name, (json as unknown as ApiObject).metadata.uid);
          else {
            expect(code).toBeGreaterThanOrEqual(500);
            expect(json).toMatchObject({ kind: 'Status', status: 'Failure', code });
            expect(text).toMatch(/disk .* is full/);
            full = `${code} ${json['reason']}`;
          }
        }
        expect(full).toBeDefined();
        const kept = async () => {
          const { items } = await list(url, NICS);
          const found = new Map(items.map(({ metadata }) => [metadata.name, metadata.uid]));
          for (const [name, uid] of acknowledged) expect([name, found.get(name)]).toEqual([name, uid]);
          return found;
        };
        await kept();
        const notReady = await call(url, 'GET', '/readyz');
        expect([notReady.code, notReady.text]).toEqual([503, expect.stringMatching(/event-store failed: .*disk .* is full/)]);
        await mounts.run('mount', '-o', 'remount,size=64m', data);
        const last = `nic-${at - 1}`;
        await until(
          'writes to work again',
          async () => (await call(url, 'POST', NICS, large(last, at - 1), key(last))).code === 201,
          60_000,
        );
        await weft.ready();
        const before = await kept();
        process.stdout.write(`disk full after ${acknowledged.size} acknowledged writes: ${full}\n`);

        await workspace.kill(started);
        await weft.started({ wrapper: mounts.wrapper });
        expect(await kept()).toEqual(before);
        expect(existsSync(mounts.path(join(data, 'events')))).toBe(true);
      }),
      200_000,
    );
  } else {
    it.skip(`says what is wrong with a directory that cannot be written (${mountsNeed})`, () => {});
    it.skip(`loses nothing that it acknowledged when its disk fills up (${mountsNeed})`, () => {});
  }
});
