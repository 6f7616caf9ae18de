/** Settings of an agent that is a process of its own, besides those of every process (`platformConfig`). Parsed once. */
import { hostname } from 'node:os';
import type { Uplink } from '@weft/linux';
import ipaddr from 'ipaddr.js';

export type AgentConfig = Readonly<{
  /** Name of the Host. */
  host: string;
  /** Network namespace that stands for the host; absent: the one this process is in. */
  netns?: string;
  /** Absent: found on the default device. */
  underlay?: string;
  driver: 'linux' | 'simulated';
  /** What an edge reaches the internet by. */
  uplink?: Uplink;
  /** Resolvers that guests are told of over DHCP, canonical; absent: none. */
  guestDns?: readonly string[];
  /** Where the agent keeps its id and its last identity. Absent: nowhere. */
  directory?: string;
}>;

type Env = Readonly<Record<string, string | undefined>>;

const HOST_NAME = /^(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/;

/**
 * `WEFT_HOST` (default: this machine's name), `WEFT_HOST_NETNS`, `WEFT_UNDERLAY_IP`, `WEFT_DATAPLANE` (linux or simulated), `WEFT_DATA`; `WEFT_UPLINK` (a
 * device), `WEFT_UPLINK_IPS`, `WEFT_UPLINK_GATEWAYS` and `WEFT_GUEST_DNS`, with commas.
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
    ...(underlay && { underlay: canonicalAddress('WEFT_UNDERLAY_IP', underlay) }),
    ...(env['WEFT_UPLINK'] && { uplink: uplinkOf(env['WEFT_UPLINK'], env) }),
    ...(env['WEFT_GUEST_DNS'] && { guestDns: listed(env, 'WEFT_GUEST_DNS').map((text) => canonicalAddress('WEFT_GUEST_DNS', text)) }),
    ...(directory && { directory }),
  };
}

/** One line for people about each variable of an uplink that has none. Hosts may share their settings, so this is no error. */
export function uplinkSettingsWithoutEffect(env: Env): readonly string[] {
  if (env['WEFT_UPLINK']) return [];
  return ['WEFT_UPLINK_IPS', 'WEFT_UPLINK_GATEWAYS']
    .filter((name) => env[name])
    .map((name) => `${name} has no effect without WEFT_UPLINK, the device by which an edge reaches the internet: this host is none`);
}

function uplinkOf(device: string, env: Env): Uplink {
  if (!/^[^/ :]{1,15}$/.test(device)) throw new Error(`WEFT_UPLINK must be the name of a network device of the host, not "${device}"`);
  const addresses = listed(env, 'WEFT_UPLINK_IPS').map((text) => {
    const [address = '', length, ...more] = text.split('/');
    const ip = canonicalAddress('WEFT_UPLINK_IPS', address);
    if (more.length > 0 || !/^\d{1,3}$/.test(length ?? '') || Number(length) > (ip.includes(':') ? 128 : 32))
      throw new Error(`WEFT_UPLINK_IPS must be addresses with their lengths, as 192.0.2.2/24, not "${text}"`);
    return `${ip}/${Number(length)}`;
  });
  const gateways = listed(env, 'WEFT_UPLINK_GATEWAYS').map((text) => canonicalAddress('WEFT_UPLINK_GATEWAYS', text));
  return { device, addresses, gateways };
}

function listed(env: Env, name: string): readonly string[] {
  return (env[name] ?? '').split(',').flatMap((each) => each.trim() || []);
}

function canonicalAddress(variable: string, text: string): string {
  if (!ipaddr.IPv4.isValidFourPartDecimal(text) && !ipaddr.IPv6.isValid(text)) {
    throw new Error(`${variable} must be an IPv4 or IPv6 address, not "${text}"`);
  }
  return ipaddr.parse(text).toString();
}
