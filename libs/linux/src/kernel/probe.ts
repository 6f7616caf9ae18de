/**
 * Tries out once, in a namespace without a name that ends with the process, every construct that the driver will write, to see whether this machine
 * can. The same trial shows how this version of nft lists our tables, which is what later listings are compared with.
 */

import type { BaseTable } from '../objects/base-tables.ts';
import { type TableShape, tableShape } from '../read/table-shape.ts';
import type { KernelAccess } from './kernel-access.ts';
import { HOST } from './kernel-access.ts';

/** This machine cannot run the Linux data plane. `missing` says what to do, a sentence each. */
export class KernelUnfitError extends Error {
  readonly code = 'KernelUnfit';
  constructor(readonly missing: readonly string[]) {
    super(`This machine cannot program the data plane. ${missing.join(' ')}`);
    this.name = 'KernelUnfitError';
  }
}

export type Shapes = Readonly<{ router: TableShape; guard: TableShape; public: TableShape; frames: TableShape }>;

/** Commands, the Debian package that brings each, and what it is for. */
const TOOLS = [
  ['nsenter', 'util-linux'],
  ['unshare', 'util-linux'],
  ['ip', 'iproute2'],
  ['bridge', 'iproute2'],
  ['nft', 'nftables'],
  ['conntrack', 'conntrack'],
] as const;

/** Each prints `@<name>` before it and `!<name>` when it failed. The highest VNI belongs to no network. */
const TRIALS = [
  ['network namespaces', 'true'],
  ['veth devices', 'ip link add g0 type veth peer name e0'],
  ['VXLAN devices', 'ip link add vx type vxlan id 16777215 dstport 4789 local ::1 nolearning udp6zerocsumrx gbp'],
  ['IPv6', 'ip link set g0 up && ip addr add fe80::1/64 dev g0 nodad'],
  ['IPv4 routes by way of IPv6', 'ip link set vx up && ip route add 192.0.2.1/32 via inet6 fe80::1:2 dev vx onlink proto 200'],
  ['connection tracking', 'conntrack -L'],
] as const;

/** Throws a KernelUnfitError. Writes nothing outside its own scratch namespaces. */
export async function probeKernel(
  access: KernelAccess,
  tables: readonly [router: BaseTable, guard: BaseTable, side: BaseTable, frames: BaseTable],
): Promise<Shapes> {
  const tools = await access.shell(HOST, TOOLS.map(([name]) => `command -v ${name} >/dev/null || echo @${name}`).join('; '));
  const absent = new Set(tools.output.split('\n').flatMap((line) => (line.startsWith('@') ? [line.slice(1)] : [])));
  const lacking = TOOLS.filter(([name]) => absent.has(name)).map(
    ([name, debian]) => `${name} is missing: install the Debian package ${debian}.`,
  );
  if (tools.code !== 0 && absent.size === 0) lacking.push(`The host's network namespace cannot be entered: ${tools.output.trim()}.`);
  if (lacking.length > 0) throw new KernelUnfitError(lacking);

  const trials = TRIALS.map(([, command], at) => `(${command}) >/dev/null 2>&1 || echo "!${at}"`);
  const script = [
    ...trials,
    'echo @nft',
    'nft -f -',
    ...tables.map(({ family, name }) => `nft -j list table ${family} ${name}`),
    'echo @end',
  ].join('; ');
  const { output } = await access.shell(
    HOST,
    `exec unshare --net sh -c "${script.replaceAll('"', '\\"')}"`,
    tables.map((table) => table.refill()),
  );
  const lines = output.split('\n');
  if (!lines.includes('@nft')) throw new KernelUnfitError([`A network namespace could not be made: ${output.trim().slice(0, 300)}.`]);
  const failed = lines.flatMap((line) => (/^!\d+$/.test(line) ? [`The kernel offers no ${TRIALS[Number(line.slice(1))]?.[0]}.`] : []));
  const [router, guard, side, frames] = lines.filter((line) => line.startsWith('{"nftables"')).map((line) => tableShape(JSON.parse(line)));
  if (router === undefined || guard === undefined || side === undefined || frames === undefined) {
    const said = lines.slice(lines.indexOf('@nft') + 1).filter((line) => line.includes('Error'));
    failed.push(`nftables refuses the base rules: ${said.join(' ') || output.trim().slice(-300)}`);
  }
  if (failed.length > 0) throw new KernelUnfitError(failed);
  return { router: router!, guard: guard!, public: side!, frames: frames! };
}
