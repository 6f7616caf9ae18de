/** Settings of `weft up`, from the environment and its arguments; parsed once. */
import type { AgentConfig } from '@weft/dataplane-agent';
import { agentConfig } from '@weft/dataplane-agent';
import { type GatewayConfig, gatewayConfig } from '@weft/gateway';
import {
  ConfigurationError,
  type Environment,
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

export const HELP = `weft: isolated virtual networks that can explain themselves

  weft up                  event store, bus, all services and an agent for this machine, in one process
  weft up --processes      the same with one process each
  weft up --processes --replicas=2
                           with so many processes of each service
  weft up --processes --replicas network-svc=2,lb-svc=3
                           with so many of these, and one of each other
  weft verify              checks what the event store holds (WEFT_DATA, WEFT_EVENT_STORE), also while Weft runs: exit code 0, it is intact and at
                           rest; 1, something is wrong; 3, it is intact, and something is owed; 2, it could not be checked
  weft verify --json       the same as JSON on standard output
  weft verify --now        asks what is owed now, not what was owed at the last event: what is due by time counts
  weft help                this text

Environment of "weft up":
  WEFT_HTTP                where HTTP is served, address:port (127.0.0.1:7480)
  WEFT_DATA                directory of everything that is kept (./.weft)
  WEFT_EVENT_STORE         embedded:<directory> (<WEFT_DATA>/events), or esdb://host:2113?tls=false
  WEFT_NATS                nats://host:4222 of a server that runs already; else one is started as a child
  WEFT_NATS_SERVER         the nats-server program, when it is not in PATH
  WEFT_PROVIDER            weft, or external: somebody else provides, and writes /status of Networks, interfaces and addresses (weft)
  WEFT_DATAPLANE           simulated (nothing is changed on this machine), linux (programs its kernel; needs root), or none (no agent)
  WEFT_HOST                name of this machine as a Host (its host name)
  WEFT_UNDERLAY_IP         address at which other hosts reach this one (that of the route to the world)
  WEFT_HOSTS               names, with commas between them, under which requests may ask for the API, besides its addresses and localhost
  WEFT_INSECURE=1          allows WEFT_HTTP to be other than loopback, although nothing authenticates requests yet
  WEFT_LOG                 debug, info, warn or error (warn), as JSON lines on standard error
`;

/** Throws an Error for people. */
export function upConfig(env: Environment, args: readonly string[]): UpConfig {
  let processes = false;
  let replicas = replicasOf('1');
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] as string;
    if (arg === '--processes') processes = true;
    else if (arg === '--replicas') replicas = replicasOf(args[++at] ?? '');
    else if (arg.startsWith('--replicas=')) replicas = replicasOf(arg.slice('--replicas='.length));
    else throw new ConfigurationError(`"${arg}" is not understood: --processes, --replicas=<how many>; "npm run weft help" tells more`);
  }
  if (Object.values(replicas).some((count) => count > 1) && !processes)
    throw new ConfigurationError('--replicas is for processes: say --processes as well');
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
