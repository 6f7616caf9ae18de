/** An agent with everything it needs, as a Nest application: for a process of its own, and for one that runs all. */
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { CONTEXTS, type Random, systemRandom } from '@weft/api';
import { type Bus, BusError, createRowSubscriber, DecodeError, decodeJsonObject, type RowSubscriber, subjects } from '@weft/bus';
import { type Driver, type HostIdentity, keptOf } from '@weft/fabric';
import { createLinuxDriver, createSimulatedDriver, SimulatedKernel } from '@weft/linux';
import {
  addProcessFigures,
  type Clock,
  createCommandClient,
  type EventLoop,
  Figures,
  type Part,
  PartsModule,
  type Platform,
  type RunningService,
} from '@weft/service';
import { Agent, type AgentOptions } from './agent/agent.ts';
import { createHostCommands, type HostCommandsOptions } from './agent/host-commands.ts';
import type { AgentConfig } from './config.ts';
import { type AgentFiles, openAgentFiles } from './host/agent-files.ts';
import { type HostLock, lockHost, lockIndex } from './host/host-lock.ts';
import { presentHostIndexes } from './host/present-indexes.ts';
import { findUnderlayAddress } from './host/underlay-address.ts';
import { lookAtUnderlay } from './host/underlay-link.ts';
import { AGENT_VERSION } from './version.ts';

/** The agent opens no event store: it receives rows and sends commands. */
export type AgentPlatform = Pick<Platform, 'bus' | 'clock' | 'ids' | 'log' | 'registry'> &
  Readonly<{
    /** Which log the control plane works on, where this process knows it; absent: asked for over the bus. */
    storeId?: () => Promise<string | undefined>;
    /** Of a process of its own. */
    eventLoop?: EventLoop;
    /** Of the process that the agent shares with others; absent: it has its own. */
    figures?: Figures;
    /** Default: the machine's. */
    random?: Random;
  }>;

export type AgentSettings = AgentConfig &
  Readonly<{
    /** Where `/livez` and `/readyz` are served; absent: nowhere. */
    listen?: Readonly<{ address: string; port: number }>;
    /** Of the simulated driver; absent: an empty one that lives as long as the agent. */
    kernel?: SimulatedKernel;
  }>;

export interface RunningAgent extends RunningService {
  readonly host: string;
  readonly underlay: string;
  /** Why the control plane refuses this agent at present: another living agent has this name, or another host this address. */
  readonly refusal: string | undefined;
}

/**
 * Resolves when the agent works on its registration; rejects when it could never work here (another agent in this namespace, no underlay address).
 */
export async function createAgent(platform: AgentPlatform, settings: AgentSettings): Promise<RunningAgent> {
  const { host, netns, driver: driverName, directory } = settings;
  const { clock, ids } = platform;
  const kernel = settings.kernel ?? new SimulatedKernel();
  const openDriver = driverOpener({ ...settings, kernel }, clock);
  const underlay = settings.underlay ?? (await defaultUnderlay(settings));
  const lock: HostLock | undefined = driverName === 'linux' ? await lockHost(netns) : undefined;
  let app: NestFastifyApplication | undefined;
  try {
    const files = await openAgentFiles(directory, host, () => ids.uuid());
    const agent = agentOf(platform, {
      host,
      underlay,
      underlayLink: driverName === 'linux' ? (address) => lookAtUnderlay(netns, address) : async () => kernel.underlay,
      ...(driverName === 'linux' && settings.underlay === undefined && { findUnderlay: () => findUnderlayAddress(netns) }),
      driver: driverName,
      openDriver,
      files,
      // One that carries interfaces may be an edge, too.
      roles: settings.uplink === undefined ? ['Compute'] : ['Compute', 'Edge'],
      ...(driverName === 'linux' && { foreignIndexes: presentHostIndexes }),
    });
    app = await NestFactory.create<NestFastifyApplication>(
      PartsModule.of(
        [busPart(platform), ...(platform.eventLoop === undefined ? [] : [platform.eventLoop]), agent],
        figuresOf(platform, agent),
      ),
      new FastifyAdapter(),
      {
        logger: false,
        abortOnError: false,
      },
    );
    if (settings.listen === undefined) await app.init();
    else await app.listen(settings.listen.port, settings.listen.address);
    const opened = app;
    let stopped: Promise<void> | undefined;
    return {
      name: `dataplane-agent ${host}`,
      host,
      underlay,
      problems: () => agent.problems(),
      get refusal() {
        return agent.refusal;
      },
      stop: () => (stopped ??= opened.close().finally(() => lock?.release())),
    };
  } catch (error) {
    await app?.close().catch(() => {});
    await lock?.release();
    throw error;
  }
}

export type AgentParts = Pick<AgentOptions, 'host' | 'underlay' | 'underlayLink' | 'findUnderlay' | 'openDriver'> &
  Pick<HostCommandsOptions, 'driver' | 'roles' | 'foreignIndexes'> &
  Readonly<{
    files: AgentFiles;
    /** Shows the rows of each registration to whoever watches the agent. */
    onRows?: (rows: RowSubscriber) => void;
  }>;

/** What operators watch of an agent, among the figures of its process. */
function figuresOf({ bus, eventLoop, figures = new Figures() }: AgentPlatform, agent: Part): Figures {
  if (eventLoop !== undefined) addProcessFigures(figures, eventLoop);
  figures.add('weft_agent_bus_connected', '1 while the bus of the agent is connected', [], () => (bus.connected ? 1 : 0));
  figures.add('weft_agent_problems', 'What keeps the agent from its work, as /readyz says it', [], () => agent.problems().length);
  return figures;
}

/** The agent itself, whatever starts it. */
export function agentOf(platform: AgentPlatform, { driver, roles, foreignIndexes, files, onRows, ...parts }: AgentParts): Agent {
  const { bus, clock, ids, log, registry, random = systemRandom } = platform;
  return new Agent({
    ...parts,
    controlPlane: createHostCommands({
      bus,
      client: createCommandClient({ bus, registry, clock }),
      host: parts.host,
      agent: files.agent,
      driver,
      version: AGENT_VERSION,
      startedAt: clock.now(),
      roles,
      ...(foreignIndexes !== undefined && { foreignIndexes }),
      uuid: () => ids.uuid(),
      storeId: platform.storeId ?? (() => askStoreId(bus)),
    }),
    openRows: () => {
      const rows = createRowSubscriber({ bus, contexts: CONTEXTS, log, clock, random, keep: keptOf });
      onRows?.(rows);
      return rows;
    },
    former: files,
    clock,
    random,
    log,
  });
}

/** Asks over the bus which log the control plane works on: its health names it. Undefined when it does not answer. */
async function askStoreId(bus: Bus): Promise<string | undefined> {
  try {
    const answer = await bus.request(subjects.health('network-svc'), new Uint8Array(), { timeoutMs: STORE_ID_MS_MAX });
    const { storeId } = decodeJsonObject(answer, 'health of network-svc');
    return typeof storeId === 'string' ? storeId : undefined;
  } catch (error) {
    if (error instanceof BusError || error instanceof DecodeError) return undefined;
    throw error;
  }
}

const STORE_ID_MS_MAX = 2_000;

/** A simulated kernel outlives its drivers: under each number the host had, there is one. */
function driverOpener(
  { driver, netns, uplink, guestDns, kernel }: AgentSettings & Readonly<{ kernel: SimulatedKernel }>,
  clock: Clock,
): (identity: HostIdentity) => Promise<Driver> {
  if (driver === 'linux') {
    return async (identity) => {
      const lock = await lockIndex(identity.host, identity.index);
      try {
        const linux = createLinuxDriver({
          identity,
          clock,
          ...(netns === undefined ? {} : { hostNetns: netns }),
          ...(uplink && { uplink }),
          ...(guestDns && { dns: guestDns }),
        });
        return {
          name: linux.name,
          read: () => linux.read(),
          apply: (change) => linux.apply(change),
          counts: (vnis) => linux.counts(vnis),
          ...(linux.openProbe && { openProbe: (watch) => linux.openProbe!(watch) }),
          probe: (probe) => linux.probe(probe),
          close: () => linux.close().finally(() => lock.release()),
        };
      } catch (error) {
        await lock.release();
        throw error;
      }
    };
  }
  const kernels = new Map<number, SimulatedKernel>();
  return async (identity) => {
    const own = kernels.get(identity.index) ?? (kernels.size === 0 ? kernel : new SimulatedKernel());
    kernels.set(identity.index, own);
    return createSimulatedDriver({ identity, kernel: own });
  };
}

/** A simulated kernel sends nothing anywhere: any address will do. */
async function defaultUnderlay({ driver, netns }: AgentSettings): Promise<string> {
  try {
    return await findUnderlayAddress(netns);
  } catch (error) {
    if (driver === 'linux') throw error;
    return '127.0.0.1';
  }
}

/** Shows in readiness; the agent neither starts nor stops the bus. */
function busPart({ bus }: AgentPlatform): Part {
  return {
    name: 'bus',
    start: async () => {},
    stop: async () => {},
    problems: () => (bus.connected ? [] : ['the bus is not connected']),
  };
}
