/** The four owner services as Nest applications: each alone, and all in one process. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Bus, createMemoryHub, freePort, subjects } from '@weft/bus';
import { createMemoryStore } from '@weft/event-store';
import { createIpamService } from '@weft/ipam-svc';
import { createLbService } from '@weft/lb-svc';
import { createNetworkService } from '@weft/network-svc';
import { createPolicyService } from '@weft/policy-svc';
import { createPlatform, type Listen, type Platform, type RunningService, weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';

const creators: Readonly<Record<string, (platform: Platform, options?: { listen?: Listen }) => Promise<RunningService>>> = {
  'network-svc': createNetworkService,
  'ipam-svc': createIpamService,
  'lb-svc': createLbService,
  'policy-svc': createPolicyService,
};
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

describe('The owner services', () => {
  let directory: string;
  let hub: ReturnType<typeof createMemoryHub>;
  let platform: ReturnType<typeof createPlatform>;
  let asker: Bus;
  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), `weft-services-${process.pid}-`));
    hub = createMemoryHub();
    asker = hub.connect();
    platform = createPlatform({
      store: await createMemoryStore(),
      bus: hub.connect(),
      log: quiet,
      domains: weftDomains,
    });
  });
  afterEach(async () => {
    await platform.follower.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  async function health(name: string): Promise<unknown> {
    return JSON.parse(Buffer.from(await asker.request(subjects.health(name), new Uint8Array(), { timeoutMs: 10_000 })).toString());
  }

  it.each(Object.entries(creators))('%s starts alone, reports health on bus and HTTP, and stops cleanly', async (name, create) => {
    const port = await freePort();
    const service = await create(platform, { listen: { address: '127.0.0.1', port } });
    expect(await health(name)).toMatchObject({ problems: expect.arrayContaining([expect.stringMatching(/log is being read/)]) });
    expect((await fetch(`http://127.0.0.1:${port}/readyz`)).status).toBe(503);
    await platform.follower.start();
    await until(`${name} works`, () => service.problems().length === 0);
    expect(await health(name)).toMatchObject({ problems: [] });
    const ready = await fetch(`http://127.0.0.1:${port}/readyz`);
    expect([ready.status, await ready.text()]).toEqual([200, 'ok']);
    const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    expect(metrics).toMatch(/^weft_partitions_held\{context="[a-z]+"\} 64$/m);
    expect(metrics).toMatch(/^weft_commands_late\{context="[a-z]+",sender="loop"\} 0$/m);
    expect(metrics).toMatch(/^weft_event_loop_delay_seconds\{quantile="0.999"\} 0$/m);
    jest.spyOn(platform.eventLoop, 'problems').mockReturnValue(['the event loop stands still too long']);
    expect(await health(name)).toMatchObject({ problems: ['the event loop stands still too long'] });
    // What its domain has given out.
    if (name === 'ipam-svc') {
      expect(metrics).toMatch(/^weft_vni_pool_capacity\{context="ipam"\} 16777016$/m);
      await until('the first pool is there', async () => {
        const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
        return /^weft_address_pool_capacity\{context="ipam",pool="default",family="IPv4"\} 256$/m.test(text);
      });
    }
    if (name === 'lb-svc') expect(metrics).toMatch(/^weft_nat_interfaces_without_slot\{context="lb",family="IPv4"\} 0$/m);
    await service.stop();
    await expect(health(name)).rejects.toThrow(/NoResponder|nobody|no /i);
    await expect(fetch(`http://127.0.0.1:${port}/livez`)).rejects.toThrow();
  });

  it('run all in one process on one fold of the log, and stop in any order', async () => {
    const services = await Promise.all(Object.values(creators).map((create) => create(platform)));
    await platform.follower.start();
    await until('all work', () => services.every((service) => service.problems().length === 0));
    expect(platform.follower.get({ kind: 'Namespace', name: 'default' })?.status).toBe('live');
    const figures = await platform.figures.text();
    for (const context of ['network', 'ipam', 'lb', 'policy']) expect(figures).toContain(`weft_partitions_held{context="${context}"} 64`);
    for (const service of services.reverse()) await service.stop();
    for (const name of Object.keys(creators)) await expect(health(name)).rejects.toThrow();
  });

  it('say which health port is taken', async () => {
    const taken = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => taken.once('listening', resolve));
    const { port } = taken.address() as { port: number };
    await expect(createLbService(platform, { listen: { address: '127.0.0.1', port } })).rejects.toThrow(new RegExp(`EADDRINUSE.*${port}`));
    taken.close();
  });
});
