/**
 * How the hosts of targets find out whether these serve: an annotation of the LoadBalancer, since its spec is IronCore's. Without it nobody looks.
 *
 *     fabric.weft.dev/health-check: tcp:8080            a connection comes about
 *     fabric.weft.dev/health-check: udp:53,interval=2s  an answer comes, of any content, to an empty datagram
 *     fabric.weft.dev/health-check: icmp,fall=5         an echo request is answered
 */
import type { ApiObject } from '@weft/api';
import type { LoadBalancerTypes } from './load-balancer.types.ts';

export const HEALTH_CHECK_ANNOTATION = 'fabric.weft.dev/health-check';

export const CHECK_PROTOCOLS = ['TCP', 'UDP', 'ICMP'] as const;
/** `port`: of TCP and UDP. `rise`, `fall`: so many checks in a row turn a target. Times in ms, the timeout below the interval. */
export type HealthCheck = Readonly<{
  protocol: (typeof CHECK_PROTOCOLS)[number];
  port?: number;
  intervalMs: number;
  timeoutMs: number;
  rise: number;
  fall: number;
}>;

const DEFAULTS = { interval: 5, timeout: 1, rise: 2, fall: 3 };
/** Inclusive. */
const LIMITS = { interval: [1, 300], timeout: [1, 60], rise: [1, 100], fall: [1, 100] } as const;
type Option = keyof typeof DEFAULTS;

/** A text where the annotation is wrong; undefined without one. */
export function healthCheckOf({ metadata }: Pick<ApiObject<LoadBalancerTypes>, 'metadata'>): HealthCheck | string | undefined {
  const text = metadata.annotations?.[HEALTH_CHECK_ANNOTATION];
  return text === undefined ? undefined : parseHealthCheck(text);
}

export function parseHealthCheck(text: string): HealthCheck | string {
  const [what = '', ...options] = text.split(',').map((each) => each.trim());
  const [, name = '', port] = /^(tcp|udp|icmp)(?::(\d{1,5}))?$/.exec(what) ?? [];
  if (name === '') return 'must begin with tcp:<port>, udp:<port> or icmp';
  if ((name === 'icmp') !== (port === undefined)) return name === 'icmp' ? 'icmp has no port' : `${name} needs a port`;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return 'port must be between 1 and 65535, inclusive';
  const values = { ...DEFAULTS };
  for (const option of options) {
    const [, key = '', digits = '', unit] = /^([a-z]+)=(\d{1,4})(s?)$/.exec(option) ?? [];
    if (!Object.hasOwn(DEFAULTS, key)) return `${JSON.stringify(option)} is none of interval=<n>s, timeout=<n>s, rise=<n>, fall=<n>`;
    const [least, most] = LIMITS[key as Option];
    const isTime = key === 'interval' || key === 'timeout';
    if (isTime !== (unit === 's')) return isTime ? `${key} is in seconds: ${key}=${digits}s` : `${key} has no unit`;
    if (Number(digits) < least || Number(digits) > most) return `${key} must be between ${least} and ${most}, inclusive`;
    values[key as Option] = Number(digits);
  }
  const { interval, timeout, rise, fall } = values;
  if (timeout > interval) return 'timeout must not be longer than interval';
  const protocol = name.toUpperCase() as HealthCheck['protocol'];
  return {
    protocol,
    ...(port !== undefined && { port: Number(port) }),
    intervalMs: interval * 1_000,
    timeoutMs: timeout * 1_000,
    rise,
    fall,
  };
}
