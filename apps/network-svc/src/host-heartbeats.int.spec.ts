import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, conditionOf, factsOf, type JsonObject, systemClock } from '@weft/api';
import { type Bus, createMemoryHub, encodeJson, subjects } from '@weft/bus';
import { createMemoryStore } from '@weft/event-store';
import { Host } from '@weft/network';
import {
  type CommandClient,
  type ContextRuntime,
  createCommandClient,
  createContextRuntime,
  createPlatform,
  type LogFollower,
  weftDomains,
} from '@weft/service';
import { until } from '@weft/testing/waiting';
import { HostHeartbeats } from './host-heartbeats.ts';

const key = { kind: 'Host', name: 'h1' };
const quiet = { debug: () => {}, info: () => {}, warn: () => {}, error: () => {} };

describe('HostHeartbeats', () => {
  const directory = mkdtempSync(join(tmpdir(), `weft-heartbeats-${process.pid}-`));
  const hub = createMemoryHub();
  let agentBus: Bus;
  let runtime: ContextRuntime;
  let follower: LogFollower;
  let client: CommandClient;
  let heartbeats: HostHeartbeats | undefined;
  /** The clock of the part under test. */
  let nowMs = 0;

  beforeAll(async () => {
    const bus = hub.connect();
    const store = await createMemoryStore();
    const platform = createPlatform({ store, bus, log: quiet, domains: weftDomains });
    follower = platform.follower;
    // Without the service's own part, whose clock is right.
    runtime = createContextRuntime(platform, { context: 'network' });
    for (const part of runtime.parts) await part.start();
    await follower.start();
    agentBus = hub.connect();
    client = createCommandClient({ bus: agentBus, registry: platform.registry, clock: platform.clock });
    const clock: Clock = { ...systemClock, monotonicMs: () => nowMs };
    heartbeats = new HostHeartbeats({
      bus,
      follower,
      client,
      clock,
      log: quiet,
      leases: { holds: () => true, isValid: () => true },
      lookEveryMs: 10,
    });
    await heartbeats.start();
  });
  afterAll(async () => {
    await heartbeats?.stop();
    for (const part of [...runtime.parts].reverse()) await part.stop();
    await follower.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const ready = () => {
    const host = follower.get(key);
    return host === undefined ? undefined : conditionOf(host.object, 'Ready')?.status;
  };
  const beat = (more: JsonObject = {}) => agentBus.publish(subjects.host('h1', 'heartbeat'), encodeJson({ host: 'h1', ...more }));

  it('notices the loss of a silent host and its return, and nothing while it did not listen', async () => {
    const payload = {
      agent: '0d6c2b4e-8f0a-4c6e-9a2b-111111111111',
      underlay: '192.0.2.7',
      driver: 'simulated',
      version: '0',
      startedAt: new Date().toISOString(),
    };
    const reply = await client.send(
      { verb: 'act', key, action: 'RegisterHost', payload },
      { requestId: '0d6c2b4e-8f0a-4c6e-9a2b-222222222222', actor: { user: 'test', verified: false } },
    );
    expect(reply).toMatchObject({ ok: true });
    await until('it is ready', () => ready() === 'True');
    let heard = false;
    const listener = agentBus.subscribe(subjects.anyHost('heartbeat'), () => {
      heard = true;
    });
    beat();
    await until('its heartbeat has come', () => heard);
    await listener.stop();
    nowMs += 9_000;
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(ready()).toBe('True');
    nowMs += 1_500;
    await until('it is lost', () => ready() !== 'True');
    beat();
    await until('it is back', () => ready() === 'True');
  });

  it('ends a hold under which no row ever came, once the host has come so far', async () => {
    const idleSince = () => factsOf(follower).get(Host, key)?.facts.held?.['300'];
    const options = { requestId: '0d6c2b4e-8f0a-4c6e-9a2b-333333333333', actor: { user: 'test', verified: false } };
    await client.send({ verb: 'act', key, action: 'HoldNetwork', payload: { vni: 300, network: 'ns/n' } }, options);
    await until('nobody uses it', () => /^[0-9]+$/.test(idleSince() ?? ''));
    const since = BigInt(idleSince() as string);
    beat({ position: (since - 1n).toString(), pending: 0 });
    beat({ position: since.toString(), pending: 1 });
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
    expect(idleSince()).toBe(since.toString());
    beat({ position: since.toString(), pending: 0 });
    await until('it is released', () => idleSince() === undefined);
  });
});
