import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Clock, conditionOf, factsOf, type JsonObject, systemClock } from '@weft/api';
import { type Bus, createMemoryHub, encodeJson, subjects } from '@weft/bus';
import { createMemoryStore, type EventStore } from '@weft/event-store';
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
  let store: EventStore;
  let runtime: ContextRuntime;
  let follower: LogFollower;
  let client: CommandClient;
  let heartbeats: HostHeartbeats | undefined;
  /** The clock of the part under test. */
  let nowMs = 0;

  beforeAll(async () => {
    const bus = hub.connect();
    store = await createMemoryStore();
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
      leases: { isValid: () => true },
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

  const AGENT = '0d6c2b4e-8f0a-4c6e-9a2b-111111111111';
  const TROUBLE = { reason: 'KernelUnreadable', message: 'the kernel cannot be read: nft is missing' };
  let requests = 0;
  const act = (action: string, payload: JsonObject) =>
    client.send(
      { verb: 'act', key, action, payload },
      { requestId: `0d6c2b4e-8f0a-4c6e-9a2b-${String(++requests).padStart(12, '0')}`, actor: { user: 'test', verified: false } },
    );
  const register = (more: JsonObject = {}) =>
    act('RegisterHost', {
      agent: AGENT,
      underlay: '192.0.2.7',
      driver: 'simulated',
      version: '0',
      startedAt: '2026-01-01T00:00:00Z',
      ...more,
    });
  const condition = (type: string) => {
    const host = follower.get(key);
    return host && conditionOf(host.object, type);
  };
  const ready = () => condition('Ready')?.status;
  const reason = () => condition('Ready')?.reason;
  /** How many events of this type the host has. */
  const events = async (type: string) => {
    let count = 0;
    for await (const event of store.readStream('Host-.h1')) if (event.type === type) count++;
    return count;
  };
  /** The heartbeat has come to all that listen. */
  const beat = async (more: JsonObject = {}) => {
    let heard = 0;
    const listener = agentBus.subscribe(subjects.anyHost('heartbeat'), () => void heard++);
    agentBus.publish(subjects.host('h1', 'heartbeat'), encodeJson({ host: 'h1', agent: AGENT, ...more }));
    await until('its heartbeat has come', () => heard > 0);
    await listener.stop();
  };
  const turns = async () => {
    for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 10));
  };
  /** Time passes second by second, as the part under test looks; with a heartbeat each second, or in silence. */
  const pass = async (seconds: number, heartbeat?: JsonObject) => {
    for (let second = 0; second < seconds; second++) {
      nowMs += 1_000;
      if (heartbeat !== undefined) await beat(heartbeat);
      else await new Promise((resolve) => setTimeout(resolve, 25));
    }
    await turns();
  };

  it('notices the loss of a silent host and its return, and nothing while it did not listen', async () => {
    expect(await register()).toMatchObject({ ok: true });
    await until('it is ready', () => ready() === 'True');
    await turns();
    await beat();
    await pass(9);
    expect(ready()).toBe('True');
    await pass(2);
    await until('it is lost', () => reason() === 'HeartbeatsMissing');
    expect(condition('Converged')).toMatchObject({ status: 'False', reason: 'HeartbeatsMissing' });
    await beat();
    await until('it is back', () => ready() === 'True');
    await turns();
    // This process was stopped for a while: it cannot know who was silent.
    nowMs += 60_000;
    await pass(9);
    expect(ready()).toBe('True');
    await pass(3);
    await until('it is lost after the stop', () => ready() !== 'True');
  });

  it('counts a registration as a heartbeat, however long the agent takes until its first one, but not for ever', async () => {
    await register({ starting: true });
    await until('it has registered', () => reason() === 'AgentStarting');
    await pass(9);
    expect(reason()).toBe('AgentStarting');
    await pass(3);
    await until('it is lost', () => reason() === 'HeartbeatsMissing');
  });

  it('lets a host that was lost be Ready when its agent has compared the kernel, and no sooner', async () => {
    await register({ starting: true });
    await pass(4, { starting: true });
    expect(reason()).toBe('AgentStarting');
    await beat();
    await until('it is ready', () => ready() === 'True');
    // An agent that starts again on a Ready host changes nothing, unless that takes long.
    const moves = await events('ConditionChanged.v1');
    await register({ starting: true, startedAt: '2026-01-02T00:00:00Z' });
    await pass(9, { starting: true });
    await pass(2, {});
    expect([ready(), await events('ConditionChanged.v1')]).toEqual(['True', moves]);
    await pass(12, { starting: true });
    await until('it takes too long', () => reason() === 'AgentStarting');
    await pass(1, {});
    await until('it is ready', () => ready() === 'True');
  });

  it('tells what trouble the agent has once it lasts, and its end once that lasts; each once', async () => {
    await pass(4, {});
    const [troubled, recovered] = [await events('HostTroubled.v1'), await events('HostRecovered.v1')];
    for (let i = 0; i < 3; i++) {
      await pass(2, { trouble: TROUBLE });
      await pass(1, {});
    }
    expect([ready(), await events('HostTroubled.v1')]).toEqual(['True', troubled]);
    await pass(5, { trouble: TROUBLE });
    await until('it is not ready', () => ready() === 'False');
    expect([condition('Ready'), condition('Converged')]).toMatchObject([
      { status: 'False', ...TROUBLE },
      { status: 'False', ...TROUBLE },
    ]);
    for (let i = 0; i < 3; i++) {
      await pass(2, {});
      await pass(1, { trouble: TROUBLE });
    }
    await pass(5, { trouble: TROUBLE });
    expect([reason(), await events('HostTroubled.v1'), await events('HostRecovered.v1')]).toEqual([
      TROUBLE.reason,
      troubled + 1,
      recovered,
    ]);
    await pass(5, {});
    await until('it is ready', () => ready() === 'True');
    expect([await events('HostTroubled.v1'), await events('HostRecovered.v1')]).toEqual([troubled + 1, recovered + 1]);
  });

  it('finds the death of an agent in trouble, and ignores a former agent of the host', async () => {
    await pass(5, { trouble: TROUBLE });
    await until('it is not ready', () => reason() === TROUBLE.reason);
    await pass(12, { agent: 'a former one' });
    await until('it is lost', () => reason() === 'HeartbeatsMissing');
    await pass(1, { agent: 'a former one' });
    expect(reason()).toBe('HeartbeatsMissing');
    await beat({ mtu: 9_000 });
    await until('it is ready', () => ready() === 'True');
    expect(follower.get(key)?.object.status).toMatchObject({ mtu: 9_000 });
    await beat({ mtu: 1_400 });
    await until('its MTU is known', () => follower.get(key)?.object.status?.['mtu'] === 1_400);
  });

  it.each([
    ['no JSON', new TextEncoder().encode('{')],
    ['a trouble that is none', encodeJson({ agent: AGENT, trouble: { reason: 'not one word', message: 7 }, mtu: -1, starting: 'yes' })],
  ])('takes a heartbeat that is %s as one', async (_what, bytes) => {
    await pass(4);
    agentBus.publish(subjects.host('h1', 'heartbeat'), bytes);
    await pass(8);
    expect(ready()).toBe('True');
    await beat();
  });

  it('ends a hold under which no row ever came, once the host has come so far', async () => {
    const idleSince = () => factsOf(follower).get(Host, key)?.facts.held?.['300'];
    await act('HoldNetwork', { vni: 300, network: 'ns/n' });
    await until('nobody uses it', () => /^[0-9]+$/.test(idleSince() ?? ''));
    const since = BigInt(idleSince() as string);
    await beat({ position: (since - 1n).toString(), pending: 0 });
    await beat({ position: since.toString(), pending: 1 });
    await turns();
    expect(idleSince()).toBe(since.toString());
    await beat({ position: since.toString(), pending: 0 });
    await until('it is released', () => idleSince() === undefined);
  });

  it('ends a lag that was counted while the agent was silent, once the host has come so far and has nothing to report', async () => {
    const lag = () => factsOf(follower).get(Host, key)?.object.status?.pendingSince;
    // Silent, not only said to be lost: a last heartbeat that still counts would let it return before it falls behind.
    await pass(12);
    await until('it is lost', () => reason() === 'HeartbeatsMissing');
    await act('FallBehind', { since: '2026-01-01T00:00:00Z' });
    await until('it counts as lagging', () => lag() !== undefined);
    await beat({ position: '1', pending: 0 });
    await until('it is Ready again', () => ready() === 'True');
    const at = follower.get(key)?.position ?? 0n;
    await beat({ position: `${at - 1n}`, pending: 0 });
    await beat({ position: `${at}`, pending: 1 });
    await turns();
    expect([condition('Converged')?.reason, lag()]).toEqual(['Pending', '2026-01-01T00:00:00Z']);
    await beat({ position: `${at}`, pending: 0 });
    await until('it has converged', () => condition('Converged')?.status === 'True');
    expect(lag()).toBeUndefined();
  });
});
