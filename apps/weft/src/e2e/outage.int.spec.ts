/** Writes while what they need is gone end soon, and what they did is known after a repeat (DESIGN 8; http-api: `Idempotency-Key`). */

import { OWNING_SERVICES } from '@weft/service';
import { type Answer, type ApiObject, call, idempotent, list, must, NETWORKS, NICS, network, nic } from './api.ts';
import { Installation } from './installation.ts';
import { withProcesses } from './processes.ts';

const WRITE_MS_MAX = 10_000;
const merge = { 'content-type': 'application/merge-patch+json' };

type Write = Readonly<{ method: string; path: string; body?: unknown; headers: Readonly<Record<string, string>> }>;

/** One write of each kind, all with keys: two creations, a patch, a deletion. `tag` makes names and addresses of their own. */
function writes(tag: number): readonly Write[] {
  const key = (what: string) => idempotent(`${what} ${tag}`);
  return [
    { method: 'POST', path: NICS, body: nic(`new-${tag}`, 'red', `10.0.${tag}.1`), headers: key('create') },
    { method: 'POST', path: NETWORKS, body: network(`new-${tag}`), headers: key('create network') },
    { method: 'PATCH', path: `${NICS}/patched`, body: { metadata: { labels: { tag: `${tag}` } } }, headers: { ...merge, ...key('patch') } },
    { method: 'DELETE', path: `${NICS}/deleted-${tag}`, headers: key('delete') },
  ];
}

const send = (url: string, { method, path, body, headers }: Write): Promise<Answer> => call(url, method, path, body, headers);

/** What a client can see, without what the system changes by itself, maybe just now: a Network's number, status, and the version with them. */
async function visible(url: string): Promise<unknown> {
  const [nics, networks] = [await list(url, NICS), await list(url, NETWORKS)];
  return [...nics.items, ...networks.items].map(({ metadata, spec }) => ({
    metadata: { ...metadata, resourceVersion: undefined, generation: undefined },
    spec: { ...spec, providerID: undefined },
  }));
}

async function expectOutage(url: string, tag: number): Promise<void> {
  const before = await visible(url);
  const answers = await Promise.all(writes(tag).map((write) => send(url, write)));
  for (const { code, json, ms } of answers) {
    expect([503, 504]).toContain(code);
    expect(json).toMatchObject({ kind: 'Status', status: 'Failure', code, reason: code === 503 ? 'ServiceUnavailable' : 'Timeout' });
    expect(ms).toBeLessThan(WRITE_MS_MAX);
  }
  // Reads go on, and show what is so.
  expect(await visible(url)).toEqual(before);
}

/** Repeats the writes of the outage twice: whatever they had done, both give the same single outcome. */
async function expectKnownAfterRepeat(url: string, tag: number): Promise<void> {
  for (let times = 0; times < 2; times++) {
    const [created, madeNetwork, patched, deleted] = await Promise.all(writes(tag).map((write) => send(url, write)));
    expect([created?.code, madeNetwork?.code, patched?.code, deleted?.code]).toEqual([201, 201, 200, 200]);
    const { items } = await list(url, NICS);
    const found = items.filter(({ metadata }) => metadata.name === `new-${tag}`);
    expect(found.map(({ metadata }) => metadata.uid)).toEqual([(created?.json as ApiObject | undefined)?.metadata.uid]);
    expect(items.filter(({ spec }) => JSON.stringify(spec['ips']).includes(`"10.0.${tag}.1"`))).toHaveLength(1);
    expect(items.some(({ metadata }) => metadata.name === `deleted-${tag}`)).toBe(false);
    const again = await must<ApiObject>(url, 'GET', `${NETWORKS}/new-${tag}`);
    expect(again.metadata.uid).toBe((madeNetwork?.json as ApiObject | undefined)?.metadata.uid);
  }
}

describe('A write', () => {
  it(
    'ends in 503 or 504 within 10 s while the services or the bus are down, and a repeat with the same key tells what it did',
    withProcesses(180_000, async (workspace) => {
      const weft = await Installation.create(workspace);
      const { url } = weft;
      weft.startBus();
      weft.startServices(...OWNING_SERVICES, 'gateway');
      await weft.ready();
      await must(url, 'POST', NETWORKS, network('red'));
      for (const [at, name] of ['patched', 'deleted-1', 'deleted-2', 'deleted-3'].entries())
        await must(url, 'POST', NICS, nic(name, 'red', `10.0.0.${at + 1}`));

      await weft.kill(...OWNING_SERVICES);
      await expectOutage(url, 1);
      weft.startServices(...OWNING_SERVICES);
      await weft.ready();
      await expectKnownAfterRepeat(url, 1);

      await weft.kill('nats-server');
      await expectOutage(url, 2);
      weft.startBus();
      await weft.ready();
      await expectKnownAfterRepeat(url, 2);

      // In the middle: some were carried out and some not, and the same repeat tells.
      const sent = writes(3).map((write) => send(url, write));
      await Promise.race(sent);
      await weft.kill('network-svc');
      weft.startServices('network-svc');
      const answers = await Promise.all(sent);
      for (const { code, ms } of answers) {
        expect([200, 201, 503, 504]).toContain(code);
        expect(ms).toBeLessThan(WRITE_MS_MAX);
      }
      await weft.ready();
      await expectKnownAfterRepeat(url, 3);
      for (const [at, { code, json }] of answers.entries()) {
        const { uid } = (json['metadata'] ?? {}) as { uid?: string };
        if (code === 201)
          expect((await must<ApiObject>(url, 'GET', at === 0 ? `${NICS}/new-3` : `${NETWORKS}/new-3`)).metadata.uid).toBe(uid);
      }
    }),
    200_000,
  );
});
