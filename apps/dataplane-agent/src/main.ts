/**
 * An agent in a process of its own: `WEFT_HOST`, `WEFT_HOST_NETNS`, `WEFT_UNDERLAY_IP`, `WEFT_DATAPLANE` (see config.ts), `WEFT_NATS`, `WEFT_DATA`,
 * `WEFT_HEALTH` (address:port), `WEFT_LOG`. The bus may be away: the agent works as soon as it comes.
 */
import 'reflect-metadata';
import { registry, systemClock } from '@weft/api';
import { createLog, EventLoopWatch, endOnSignal, listenOf, openBus, platformConfig, systemIds, weftDomains } from '@weft/service';
import { agentConfig, uplinkSettingsWithoutEffect } from './config.ts';
import { createAgent } from './dataplane-agent.ts';

/** When the name is still held after so long, its holder lives (a dead run would have been noticed by then): this start is a mistake. */
const REFUSED_MS_MAX = 30_000;

async function main(): Promise<void> {
  const { env } = process;
  const config = agentConfig(env);
  const name = `dataplane-agent ${config.host}`;
  const { bus: busConfig, data, logLevel } = platformConfig(env);
  const listen = listenOf(env, 'WEFT_HEALTH');
  const log = createLog(logLevel, name);
  for (const line of uplinkSettingsWithoutEffect(env)) log.warn({}, line);
  const bus = openBus(busConfig, name, log);
  const agent = await createAgent(
    { bus, clock: systemClock, ids: systemIds, log, registry: registry(weftDomains), eventLoop: new EventLoopWatch(systemClock) },
    { ...config, directory: data, ...(listen === undefined ? {} : { listen }) },
  ).catch(async (error: unknown) => {
    await bus.close();
    throw error;
  });
  log.info({ hostId: config.host, driver: config.driver, underlay: agent.underlay }, 'dataplane agent started');

  const stop = async (): Promise<void> => {
    await agent.stop();
    await bus.close();
  };
  endOnSignal(name, log, stop);

  let refusedSinceMs: number | undefined;
  const look = () => {
    const { refusal } = agent;
    if (refusal === undefined) refusedSinceMs = undefined;
    else if (systemClock.monotonicMs() - (refusedSinceMs ??= systemClock.monotonicMs()) > REFUSED_MS_MAX) {
      void stop().finally(() => fail(refusal));
    }
  };
  systemClock.every(1_000, look, { background: true });
}

function fail(why: string): never {
  process.stderr.write(`dataplane-agent: ${why}\n`);
  process.exit(1);
}

main().catch((error: unknown) => fail(error instanceof Error ? error.message : String(error)));
