/** Two processes of one service: what one holds goes to the other when it is killed or frozen, and nothing is lost or doubled (DESIGN 9.4, 10.24; ADR 40). */
import { join } from 'node:path';
import { freePort } from '@weft/bus';
import { until } from '@weft/testing/waiting';
import { type ApiObject, call, idempotent, must, nic } from './api.ts';
import { withProcesses } from './processes.ts';
import { READY_MS_MAX, startProcesses } from './supervised.ts';

type Held = Readonly<{ replica: string; partitions: number }>;

const FREEZES_MAX = 5;
const NAMESPACES = Array.from({ length: 8 }, (_, i) => `n${i}`);
const path = (namespace: string, plural: string) => `/apis/networking.ironcore.dev/v1alpha1/namespaces/${namespace}/${plural}`;

/** Who holds partitions of the network service. */
async function holders(url: string): Promise<readonly Held[]> {
  const { json } = await call(url, 'GET', '/readyz', undefined, { accept: 'application/json' });
  const checks = json['checks'] as readonly { name: string; replicas?: readonly Held[] }[];
  return (checks.find(({ name }) => name === 'network-svc')?.replicas ?? []).filter(({ partitions }) => partitions > 0);
}

/** A replica is called `<machine>-<pid>-<random>`. */
const pidOf = ({ replica }: Held): number => Number(/-(\d+)-[0-9a-f]+$/.exec(replica)?.[1]);
const isShared = (held: readonly Held[]) => held.length === 2 && held.reduce((sum, { partitions }) => sum + partitions, 0) === 64;

/** Creates interfaces in all namespaces until it is ended, each repeated with its key until it is there. Notes what was acknowledged: uids by path. */
function load(url: string, acknowledged: Map<string, string>) {
  let isOver = false;
  const workers = NAMESPACES.map(async (namespace) => {
    for (let i = 1; !isOver; i++) {
      const name = `i${i}`;
      const body = nic(name, 'red', `10.0.${i >> 8}.${i & 255}`);
      for (;;) {
        const { code, json, text } = await call(
          url,
          'POST',
          path(namespace, 'networkinterfaces'),
          body,
          idempotent(`${namespace} ${name}`),
        );
        if (code === 201) {
          acknowledged.set(`${path(namespace, 'networkinterfaces')}/${name}`, (json as unknown as ApiObject).metadata.uid);
          break;
        }
        if (code !== 503 && code !== 504 && code !== 429) throw new Error(`${namespace} ${name}: ${code} ${text}`);
      }
    }
  });
  return {
    end: async () => {
      isOver = true;
      await Promise.all(workers);
    },
    failed: Promise.all(workers),
  };
}

/** One that is frozen in the middle of a commit has the embedded store's lock, and all wait for it: it goes on then, and is frozen once more. */
async function freeze(url: string, pid: number): Promise<void> {
  for (let attempt = 1; attempt <= FREEZES_MAX; attempt++) {
    process.kill(pid, 'SIGSTOP');
    // Of another service, so its own writes are not asked about.
    const body = { metadata: { name: `frozen-${attempt}` }, spec: { ipFamily: 'IPv4', prefix: `10.${attempt}.0.0/16` } };
    const { code, text } = await call(url, 'POST', '/apis/ipam.ironcore.dev/v1alpha1/namespaces/n0/prefixes', body);
    if (code === 201) return;
    process.kill(pid, 'SIGCONT');
    if (code !== 504) throw new Error(`a Prefix was answered ${code}: ${text}`);
  }
  throw new Error(`the store took no writes each of ${FREEZES_MAX} times`);
}

describe('weft up --processes --replicas network-svc=2', () => {
  it(
    'moves what a killed or frozen process held, whose frozen one steps back when it wakes; nothing is lost or doubled',
    withProcesses(280_000, async (workspace) => {
      const url = `http://127.0.0.1:${await freePort()}`;
      const weft = await startProcesses(workspace, url, '--replicas', 'network-svc=2');
      /** Waits until one answer says both that two share all partitions and what else is wanted of them. */
      const shared = (isWanted: (replicas: readonly string[]) => boolean = () => true) =>
        until(
          'two share',
          async () => {
            const held = await holders(url);
            return isShared(held) && isWanted(held.map(({ replica }) => replica)) && held;
          },
          READY_MS_MAX,
        );
      await shared();
      for (const namespace of NAMESPACES) {
        await must(url, 'POST', '/api/v1/namespaces', { metadata: { name: namespace } });
        await must(url, 'POST', path(namespace, 'networks'), { metadata: { name: 'red' }, spec: {} });
      }
      const acknowledged = new Map<string, string>();
      const onlyLeft = async (gone: Held) => {
        const left = async () => (await holders(url)).filter(({ replica }) => replica !== gone.replica);
        await until('the other one holds all', async () => (await left())[0]?.partitions === 64, READY_MS_MAX);
      };
      const writesGoOn = async () => {
        const before = acknowledged.size;
        await until('writes go on', () => acknowledged.size > before + 2 * NAMESPACES.length, READY_MS_MAX);
      };

      for (const namespace of NAMESPACES) {
        const network = async () => (await must<ApiObject>(url, 'GET', `${path(namespace, 'networks')}/red`)).status;
        await until(`the network of ${namespace} to be Available`, async () => (await network())?.['state'] === 'Available', READY_MS_MAX);
      }
      const [frozen] = (await shared()) as [Held];
      await freeze(url, pidOf(frozen));
      let work: ReturnType<typeof load>;
      try {
        await onlyLeft(frozen);
        work = load(url, acknowledged);
        await Promise.race([work.failed, writesGoOn()]);
      } finally {
        process.kill(pidOf(frozen), 'SIGCONT');
      }
      await shared((replicas) => replicas.includes(frozen.replica));
      await Promise.race([work.failed, writesGoOn()]);

      const [, killed] = (await shared()) as [Held, Held];
      process.kill(pidOf(killed), 'SIGKILL');
      await onlyLeft(killed);
      await Promise.race([work.failed, writesGoOn()]);
      await shared((replicas) => !replicas.includes(killed.replica));

      await work.end();
      for (const [each, uid] of acknowledged) expect([each, (await must<ApiObject>(url, 'GET', each)).metadata.uid]).toEqual([each, uid]);
      for (const namespace of NAMESPACES) {
        const { items } = await must<{ items: ApiObject[] }>(url, 'GET', path(namespace, 'networkinterfaces'));
        expect(items).toHaveLength([...acknowledged.keys()].filter((each) => each.includes(`/${namespace}/`)).length);
      }
      weft.child.kill('SIGTERM');
      await weft.exited;
      const verified = workspace.program('verify', ['apps/weft/src/main.ts', 'verify'], {
        env: { WEFT_DATA: join(workspace.directory, 'data') },
      });
      expect([0, 3]).toContain(await verified.exited);
    }),
    300_000,
  );
});
