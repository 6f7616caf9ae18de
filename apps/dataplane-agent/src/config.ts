/** Settings of an agent that is a process of its own, besides those of every process (`platformConfig`). Parsed once. */
import { hostname } from 'node:os';
import ipaddr from 'ipaddr.js';

export type AgentConfig = Readonly<{
  /** Name of the Host. */
  host: string;
  /** Network namespace that stands for the host; absent: the one this process is in. */
  netns?: string;
  /** Absent: found on the default device. */
  underlay?: string;
  driver: 'linux' | 'simulated';
  /** Where the agent keeps its id and its last identity. Absent: nowhere. */
  directory?: string;
}>;

type Env = Readonly<Record<string, string | undefined>>;

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/**
 * `WEFT_HOST` (default: this machine's name), `WEFT_HOST_NETNS`, `WEFT_UNDERLAY_IP`, `WEFT_DATAPLANE` (linux or simulated), `WEFT_DATA`.
 * Throws an Error that names the variable and what it may be.
 */
export function agentConfig(env: Env): AgentConfig {
  const host = env['WEFT_HOST'] || hostname().toLowerCase();
  if (!HOST_NAME.test(host)) throw new Error(`WEFT_HOST must be a DNS name in lower case, as metadata.name of a Host is, not "${host}"`);
  const driver = env['WEFT_DATAPLANE'] || 'linux';
  if (driver !== 'linux' && driver !== 'simulated') throw new Error(`WEFT_DATAPLANE must be linux or simulated, not "${driver}"`);
  const underlay = env['WEFT_UNDERLAY_IP'];
  const [netns, directory] = [env['WEFT_HOST_NETNS'], env['WEFT_DATA']];
  if (netns !== undefined && /[/\0]|^\.{0,2}$/.test(netns))
    throw new Error(`WEFT_HOST_NETNS must be the name of a network namespace, not "${netns}"`);
  return {
    host,
    driver,
    ...(netns && { netns }),
    ...(underlay && { underlay: canonicalAddress(underlay) }),
    ...(directory && { directory }),
  };
}

function canonicalAddress(text: string): string {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) {
    throw new Error(`WEFT_UNDERLAY_IP must be an IPv4 or IPv6 address, not "${text}"`);
  }
  return ipaddr.parse(text).toString();
}
