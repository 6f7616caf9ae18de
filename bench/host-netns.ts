/** A host for the real-kernel measurement: a network namespace with an underlay address, and its removal with all that its agent made. */
import { execFileSync } from 'node:child_process';

function ip(...args: string[]): string {
  return execFileSync('ip', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
}

export function makeHost(netns: string, underlay: string): void {
  ip('netns', 'add', netns);
  ip('-n', netns, 'link', 'set', 'lo', 'up');
  // Nothing answers on this underlay: what is measured is programming.
  ip('-n', netns, 'addr', 'add', `${underlay}/128`, 'dev', 'lo', 'nodad');
}

/** Removes the host, the routers of its index and the guests. A repeat does nothing. */
export function removeHost(netns: string, index: number | undefined, guests: readonly string[]): void {
  const present = ip('netns', 'list')
    .split('\n')
    .map((line) => line.split(' ')[0] ?? '')
    .filter((name) => name !== '');
  const unwanted = new Set([netns, ...guests]);
  for (const name of present) {
    if (unwanted.has(name) || (index !== undefined && name.startsWith(`weft-${index}-`))) ip('netns', 'del', name);
  }
}
