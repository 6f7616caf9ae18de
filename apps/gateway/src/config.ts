/** Settings of the gateway. Parsed once; all durations in ms. */
import { OWNING_SERVICES } from '@weft/service';

export type GatewayConfig = Readonly<{
  /** Address to listen on. Other than loopback only with `insecure`. */
  address: string;
  /** 0: any free port. */
  port: number;
  /** Where gRPC is served, address:port; absent: nowhere. */
  grpc?: string;
  /** Other machines may connect although nothing authenticates them (DESIGN 9.16). */
  insecure: boolean;
  /** Names besides addresses and loopback names that clients may call this server by. */
  allowedHosts: readonly string[];
  /** How long a write may take before it ends in 503 or 504. At most 9,500. */
  writeTimeoutMs: number;
  /** How long a read waits for the view to catch up before it ends in 504. */
  readTimeoutMs: number;
  /** Recent changes kept in memory for watches, per kind. */
  ringCapacity: number;
  /** A watch that starts farther back than this many events gets 410, so that its client lists again. */
  watchDistanceMax: number;
  /** A watch that names no `timeoutSeconds` ends after this long, or up to twice as long. */
  watchMs: number;
  bookmarkEveryMs: number;
  /** A watch whose reader takes nothing for so long is cut off. */
  watchStallMs: number;
  /** How often a subscriber to events is told how far the log was read while nothing comes. */
  eventProgressMs: number;
  /** Whether events go out on the bus as well. */
  publishesEvents: boolean;
  /** Streams of events that are open at a time. */
  eventStreamsMax: number;
  /** How long a member of a group of subscribers is waited for that is not heard of. */
  groupLeaseMs: number;
  /** Services whose health `/readyz` asks for. */
  services: readonly string[];
  /** Whether what plans need is derived at the start and kept, about 5 kB for each interface; else with the first plan, and given up when none comes. */
  keepsPlansReady: boolean;
  /** Where traces of changes go; absent: nowhere. */
  otlp?: OtlpConfig;
  /** How long open requests may take to end at shutdown. */
  drainMs: number;
}>;

/** `url`: of a collector's traces. `service`: the name under which they appear there. */
export type OtlpConfig = Readonly<{ url: string; headers: Readonly<Record<string, string>>; service: string }>;

const DEFAULT_GRPC = '127.0.0.1:7481';
const [READY, ON_DEMAND] = ['ready', 'on-demand'];

export const gatewayDefaults: GatewayConfig = {
  address: '127.0.0.1',
  port: 7480,
  insecure: false,
  allowedHosts: [],
  writeTimeoutMs: 8_000,
  readTimeoutMs: 3_000,
  ringCapacity: 8_192,
  watchDistanceMax: 100_000,
  watchMs: 30 * 60_000,
  bookmarkEveryMs: 60_000,
  watchStallMs: 30_000,
  eventProgressMs: 10_000,
  publishesEvents: true,
  eventStreamsMax: 4_096,
  groupLeaseMs: 15_000,
  services: OWNING_SERVICES,
  keepsPlansReady: false,
  drainMs: 10_000,
};

/**
 * From `WEFT_HTTP` and `WEFT_GRPC` (address:port), `WEFT_INSECURE`, `WEFT_HOSTS` (names, comma separated), `WEFT_PLANS`, `WEFT_OTLP_ENDPOINT` and OpenTelemetry's own
 * variables. Throws an Error that names what is wrong.
 */
export function gatewayConfig(env: Readonly<Record<string, string | undefined>>): GatewayConfig {
  const insecure = env['WEFT_INSECURE'] === '1';
  const { address, port } = parseListen(env['WEFT_HTTP'] ?? `${gatewayDefaults.address}:${gatewayDefaults.port}`, 'WEFT_HTTP');
  const allowedHosts = (env['WEFT_HOSTS'] ?? '')
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '');
  const grpc = grpcAddress(env);
  const plans = env['WEFT_PLANS'] ?? ON_DEMAND;
  if (plans !== ON_DEMAND && plans !== READY) throw new Error(`WEFT_PLANS must be ${READY} or ${ON_DEMAND}, not "${plans}"`);
  const keepsPlansReady = plans === READY;
  const odd = allowedHosts.find((name) => /[/:@\s]/.test(name) && !/^\[[0-9a-f:.]+\]$/.test(name));
  if (odd !== undefined) throw new Error(`WEFT_HOSTS must be names of hosts without a port, for example api.example.com, not "${odd}"`);
  const config = {
    ...gatewayDefaults,
    address,
    port,
    insecure,
    allowedHosts,
    keepsPlansReady,
    ...(grpc !== undefined && { grpc }),
    ...otlpIn(env),
  };
  checkConfig(config);
  return config;
}

/** As OpenTelemetry says: an endpoint is the root of a collector, one of traces the whole address. `WEFT_OTLP_ENDPOINT` wins. */
function otlpIn(env: Readonly<Record<string, string | undefined>>): Readonly<{ otlp?: OtlpConfig }> {
  const root = env['WEFT_OTLP_ENDPOINT'] || env['OTEL_EXPORTER_OTLP_ENDPOINT'];
  const whole = env['WEFT_OTLP_ENDPOINT'] ? undefined : env['OTEL_EXPORTER_OTLP_TRACES_ENDPOINT'];
  const given = whole || root;
  if (!given || env['OTEL_SDK_DISABLED'] === 'true') return {};
  if (!/^https?:/.test(given) || !URL.canParse(given))
    throw new Error(`WEFT_OTLP_ENDPOINT must be the address of a collector, for example http://127.0.0.1:4318, not "${given}"`);
  const url = whole || `${given.replace(/\/+$/, '')}/v1/traces`;
  const headers = Object.fromEntries(
    (env['OTEL_EXPORTER_OTLP_HEADERS'] ?? '').split(',').flatMap((pair) => {
      const [name = '', value] = pair.split('=', 2).map((part) => decodeURIComponent(part.trim()));
      return value === undefined || name === '' ? [] : [[name.toLowerCase(), value]];
    }),
  );
  return { otlp: { url, headers, service: env['OTEL_SERVICE_NAME'] || 'weft' } };
}

/** Throws when the address reaches beyond this machine and `insecure` does not say that this is meant. */
export function checkConfig({ address, grpc, insecure }: GatewayConfig): void {
  const open = [address, ...(grpc === undefined ? [] : [parseListen(grpc, 'WEFT_GRPC').address])].find((each) => !isLoopback(each));
  if (insecure || open === undefined) return;
  throw new Error(
    `${open} can be reached from other machines, and nothing authenticates requests yet: listen on 127.0.0.1, or set WEFT_INSECURE=1 if you mean it`,
  );
}

function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^127(\.\d{1,3}){3}$/.test(address);
}

/** Beside an HTTP that was put elsewhere gRPC is served where it is told to, and else nowhere: the place may be taken. */
function grpcAddress(env: Readonly<Record<string, string | undefined>>): string | undefined {
  const given = env['WEFT_GRPC'] ?? (env['WEFT_HTTP'] === undefined ? DEFAULT_GRPC : 'off');
  if (given === 'off') return undefined;
  const { address, port } = parseListen(given, 'WEFT_GRPC');
  return `${address.includes(':') ? `[${address}]` : address}:${port}`;
}

function parseListen(text: string, variable: string): { address: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new Error(`${variable} must be address:port, for example 127.0.0.1:7480, not "${text}"`);
  return { address: match[1] ?? (match[2] === '' ? '0.0.0.0' : (match[2] as string)), port };
}
