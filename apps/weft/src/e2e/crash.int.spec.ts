/** `weft up` is killed as a whole, again and again: what was acknowledged is there, and unchanged (DESIGN 8). */
import { join } from 'node:path';
import { openEmbeddedStore } from '@weft/event-store';
import { until } from '@weft/testing/waiting';
import { AllInOne } from './all-in-one.ts';
import { type ApiObject, call, HOSTS, idempotent, isReady, list, must, NETWORKS, NICS, network, nic } from './api.ts';
import { membersOf, withProcesses } from './processes.ts';

const ROUNDS = 3;
const SENDERS = 12;

type Attempt = Readonly<{ path: string; key: string; body: unknown; name: string; ip?: string; network?: string }>;
/** What may never change again once it was told. */
type Kept = Readonly<{ uid: string; created: unknown; ips: unknown; providerID: unknown; number: string | undefined }>;

function attempt(round: number, at: number): Attempt {
  const name = `r${round}-${at}`;
  if (at % 10 === 0) return { path: NETWORKS, key: name, name, body: network(name) };
  const ip = `10.${round}.${Math.floor(at / 250)}.${(at % 250) + 1}`;
  const into = at % 3 === 0 ? 'red' : 'blue';
  return { path: NICS, key: name, name, body: nic(name, into, ip), ip, network: into };
}

/** The number of each NIC within its network, from which its MAC follows, by uid and from the log itself: no API tells it. */
async function numbers(data: string): Promise<ReadonlyMap<string, string>> {
  const store = await openEmbeddedStore({ directory: join(data, 'events') });
  const found = new Map<string, string>();
  const networkOf = new Map<string, string>();
  try {
    for await (const { type, data: facts, metadata } of store.readAll()) {
      const { uid } = metadata;
      if (uid === undefined) continue;
      if (type === 'NetworkInterfaceCreated.v1')
        networkOf.set(uid, (facts as { spec: { networkRef: { name: string } } }).spec.networkRef.name);
      const { index } = facts as { index?: number };
      if (type !== 'NetworkInterfaceAddressed.v1' || index === undefined) continue;
      const number = `${networkOf.get(uid)} ${index}`;
      expect(found.get(uid) ?? number).toBe(number);
      found.set(uid, number);
    }
  } finally {
    await store.close();
  }
  expect(new Set(found.values()).size).toBe(found.size);
  return found;
}

async function everything(url: string, data: string): Promise<ReadonlyMap<string, Kept & { ip: string | undefined; network: string }>> {
  const numberOf = await numbers(data);
  const items = [...(await list(url, NETWORKS)).items, ...(await list(url, NICS)).items];
  const kept = items.map(({ metadata, spec }) => {
    const ips = spec['ips'] as readonly { value?: string }[] | undefined;
    const { creationTimestamp: created } = metadata as unknown as { creationTimestamp: string };
    const facts = { uid: metadata.uid, created, ips, providerID: spec['providerID'], number: numberOf.get(metadata.uid) };
    return [
      metadata.name,
      { ...facts, ip: ips?.[0]?.value, network: (spec['networkRef'] as { name?: string } | undefined)?.name ?? '' },
    ] as const;
  });
  expect(new Set(kept.map(([name]) => name)).size).toBe(kept.length);
  expect(kept.filter(([, { ip, number }]) => ip !== undefined && number === undefined)).toEqual([]);
  return new Map(kept);
}

async function hostIndex(url: string): Promise<unknown> {
  return await until('the host to have its number', async () => {
    const { items } = await list(url, HOSTS);
    return items.find(({ metadata }) => metadata.name === 'here')?.status?.['index'] as number | undefined;
  });
}

describe('weft up, killed with its whole process group', () => {
  it(
    'keeps every acknowledged write, uid, VNI, number of an interface, address and host index, and gives each address to one',
    withProcesses(180_000, async (workspace) => {
      const weft = await AllInOne.create(workspace);
      const { url, data } = weft;
      let group = await weft.started();
      for (const name of ['red', 'blue']) await must(url, 'POST', NETWORKS, network(name));
      const index = await hostIndex(url);
      const acknowledged = new Map<string, string>();
      const unanswered: Attempt[] = [];
      let known: Awaited<ReturnType<typeof everything>> = new Map();
      const counts: string[] = [];

      for (let round = 1; round <= ROUNDS; round++) {
        const killAfter = 20 + Math.floor(Math.random() * 200);
        let next = 0;
        let answered = 0;
        let dead = false;
        const senders = Array.from({ length: SENDERS }, async () => {
          while (!dead) {
            const tried = attempt(round, next++);
            try {
              const { code, json, text } = await call(url, 'POST', tried.path, tried.body, idempotent(tried.key));
              if (code !== 201) throw new Error(`${tried.name}: ${code} ${text}`);
              acknowledged.set(tried.name, (json as unknown as ApiObject).metadata.uid);
              answered++;
            } catch (error) {
              if (!dead && (error as Error).message.startsWith(tried.name)) throw error;
              unanswered.push(tried);
              return;
            }
          }
        });
        const sending = Promise.all(senders);
        await Promise.race([sending, until(`${killAfter} answers`, () => answered >= killAfter, 60_000)]);
        dead = true;
        await workspace.kill(group);
        await sending;

        group = await weft.started();
        const found = await everything(url, data);
        for (const [name, uid] of acknowledged) expect([name, found.get(name)?.uid]).toEqual([name, uid]);
        // A Network's number is given a moment after the Network; once told, it stays.
        for (const [name, before] of known)
          expect(found.get(name)).toEqual({ ...before, providerID: before.providerID ?? found.get(name)?.providerID });
        expect(await hostIndex(url)).toBe(index);

        for (const { path, key, body, name } of unanswered.splice(0)) {
          const [first, second] = [
            await call(url, 'POST', path, body, idempotent(key)),
            await call(url, 'POST', path, body, idempotent(key)),
          ];
          expect([name, first.code, second.code]).toEqual([name, 201, 201]);
          const { uid } = (first.json as unknown as ApiObject).metadata;
          expect((second.json as unknown as ApiObject).metadata.uid).toBe(uid);
          expect(found.get(name)?.uid ?? uid).toBe(uid);
          acknowledged.set(name, uid);
        }
        await until('all Networks to have a number', async () =>
          (await list(url, NETWORKS)).items.every(({ spec }) => spec['providerID'] !== undefined),
        );
        known = await everything(url, data);
        expect([...known.keys()].sort()).toEqual([...acknowledged.keys(), 'red', 'blue'].sort());
        const held = [...known.values()].flatMap(({ ip, network: within }) => (ip === undefined ? [] : [`${within} ${ip}`]));
        expect(new Set(held).size).toBe(held.length);
        const numbers = [...known.values()].flatMap(({ providerID }) =>
          providerID === undefined ? [] : [String(providerID).split('/')[4]],
        );
        expect(new Set(numbers).size).toBe(numbers.length);
        counts.push(`${answered} answered before the kill`);
      }
      process.stdout.write(`SIGKILL of the group, ${ROUNDS} times: ${counts.join(', ')}; ${known.size} objects at the end\n`);
    }),
    200_000,
  );

  it(
    'leaves no nats-server behind when it is killed, and refuses a second start at the same time with pid and URL',
    withProcesses(180_000, async (workspace) => {
      const weft = await AllInOne.create(workspace);
      const first = await weft.started();
      await must(weft.url, 'POST', NETWORKS, network('red'));
      expect(membersOf(first.pid).length).toBeGreaterThan(1);
      process.kill(first.pid, 'SIGKILL');
      await first.exited;
      await until('its server to end', () => membersOf(first.pid).length === 0);
      const second = await weft.started();
      expect((await call(weft.url, 'GET', `${NETWORKS}/red`)).code).toBe(200);

      const other = await AllInOne.create(workspace, weft.data);
      const refused = other.start();
      expect(await refused.exited).toBe(1);
      const said =
        workspace
          .logOf(refused)
          .split('\n')
          .filter((line) => line.startsWith('weft: '))
          .at(-1) ?? '';
      expect(said).toContain(String(second.pid));
      expect(said).toContain(weft.url);
      expect(membersOf(refused.pid)).toEqual([]);
      await until('the first to be ready as before', () => isReady(weft.url));
    }),
    200_000,
  );
});
