/** Finds the address by which other hosts reach this one, when none is configured: that of the device behind the default route. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import ipaddr from 'ipaddr.js';

const run = promisify(execFile);
const EXEC_MS_MAX = 5_000;

type Route = Readonly<{ dst?: string; dev?: string; metric?: number; type?: string }>;
type Link = Readonly<{ ifname?: string; flags?: readonly string[]; addr_info?: readonly Address[] }>;
type Address = Readonly<{
  family?: string;
  local?: string;
  scope?: string;
  temporary?: boolean;
  deprecated?: boolean;
  tentative?: boolean;
}>;

/** Rejects with an Error that names the choices when there is none, or more than one. `netns`: look there. */
export async function findUnderlayAddress(netns: string | undefined): Promise<string> {
  const [routes4, routes6, links] = await Promise.all([
    ipJson<Route[]>(netns, ['-4', 'route', 'show', 'default']),
    ipJson<Route[]>(netns, ['-6', 'route', 'show', 'default']),
    ipJson<Link[]>(netns, ['address', 'show']),
  ]);
  return chooseUnderlayAddress([...routes4, ...routes6], links);
}

/**
 * Pure. The device is that of the default route with the lowest metric; without one, the only device with an address. Of its addresses that reach
 * beyond the link, the only IPv4 one is taken, else the only IPv6 one.
 */
export function chooseUnderlayAddress(defaultRoutes: readonly Route[], links: readonly Link[]): string {
  const choices = links.flatMap((link) =>
    link.flags?.includes('LOOPBACK') === true || link.flags?.includes('UP') === false
      ? []
      : (link.addr_info ?? [])
          .filter(isUsable)
          .map(({ family, local }) => ({ device: link.ifname ?? '', family, address: local as string })),
  );
  const metrics = defaultRoutes.filter(({ dev }) => dev !== undefined).map(({ metric = 0 }) => metric);
  const best = new Set(defaultRoutes.filter(({ metric = 0 }) => metric === Math.min(...metrics)).map(({ dev }) => dev));
  const onDevice = best.size === 0 ? choices : choices.filter(({ device }) => best.has(device));
  for (const family of ['inet', 'inet6']) {
    const ofFamily = onDevice.filter((choice) => choice.family === family);
    const [only] = ofFamily;
    if (only !== undefined && ofFamily.length === 1) return ipaddr.parse(only.address).toString();
    if (ofFamily.length > 1) break;
  }
  const named = (onDevice.length > 0 ? onDevice : choices).map(({ device, address }) => `${address} on ${device}`).join(', ');
  const why = onDevice.length === 0 ? 'no device with a default route has an address' : 'there is more than one';
  throw new Error(
    `the underlay address cannot be told (${why}: ${named || 'no address at all'}); set WEFT_UNDERLAY_IP to the one other hosts reach`,
  );
}

function isUsable({ local, scope, temporary, deprecated, tentative }: Address): boolean {
  return local !== undefined && scope === 'global' && temporary !== true && deprecated !== true && tentative !== true;
}

async function ipJson<T>(netns: string | undefined, args: readonly string[]): Promise<T> {
  const command = netns === undefined ? ['ip', '-j', ...args] : ['nsenter', `--net=/run/netns/${netns}`, 'ip', '-j', ...args];
  const { stdout } = await run(command[0] as string, command.slice(1), { timeout: EXEC_MS_MAX, maxBuffer: 16 * 1024 * 1024 });
  return (stdout.trim() === '' ? [] : JSON.parse(stdout)) as T;
}
