/** Settings of `weft up`, from the environment and its options; parsed once. */
import type { AgentConfig } from '@weft/dataplane-agent';
import { agentConfig } from '@weft/dataplane-agent';
import { type GatewayConfig, gatewayConfig } from '@weft/gateway';
import {
  ConfigurationError,
  type Environment,
  listenOf,
  OWNING_SERVICES,
  type OwningService,
  type PlatformConfig,
  platformConfig,
} from '@weft/service';

export type UpConfig = Readonly<{
  platform: PlatformConfig;
  gateway: GatewayConfig;
  /** Absent with `WEFT_DATAPLANE=none`: this machine is no Host, agents run elsewhere. */
  agent?: AgentConfig;
  /** One process each instead of all in one. */
  processes: boolean;
  /** Processes of each owner service; more than one only with `processes`. */
  replicas: Readonly<Record<OwningService, number>>;
}>;

const REPLICAS_MAX = 16;

export type UpOptions = Readonly<{ processes?: boolean; replicas?: string }>;

/** Throws an Error for people. */
export function upConfig(env: Environment, { processes = false, replicas: text = '1' }: UpOptions): UpConfig {
  const replicas = replicasOf(text);
  if (Object.values(replicas).some((count) => count > 1) && !processes)
    throw new ConfigurationError('--replicas is for processes: say --processes as well');
  listenOf(env, 'WEFT_HEALTH'); // Refuses what is none, though only processes use it.
  const platform = platformConfig(env, { logLevel: 'warn' });
  const dataplane = env['WEFT_DATAPLANE'] || 'simulated';
  if (!['simulated', 'linux', 'none'].includes(dataplane)) {
    throw new ConfigurationError(`WEFT_DATAPLANE must be simulated, linux or none, not "${dataplane}"`);
  }
  const up = { platform, gateway: gatewayConfig(env), processes, replicas };
  return dataplane === 'none' ? up : { ...up, agent: agentConfig({ ...env, WEFT_DATA: platform.data, WEFT_DATAPLANE: dataplane }) };
}

/** `2` of each, or `network-svc=2,lb-svc=3`. */
function replicasOf(text: string): Readonly<Record<OwningService, number>> {
  const counts = Object.fromEntries(OWNING_SERVICES.map((service) => [service, 1])) as Record<OwningService, number>;
  for (const part of text.split(',')) {
    const [, name, count] = /^(?:([a-z-]+)=)?(\d{1,2})$/.exec(part) ?? [];
    const services = OWNING_SERVICES.filter((service) => name === undefined || service === name);
    if (services.length === 0 || Number(count) < 1 || !(Number(count) <= REPLICAS_MAX)) {
      throw new ConfigurationError(
        `--replicas "${text}" is not understood: 1 to ${REPLICAS_MAX} of each, or of some: --replicas ${OWNING_SERVICES.map((service) => `${service}=2`).join(',')}`,
      );
    }
    for (const service of services) counts[service] = Number(count);
  }
  return counts;
}
