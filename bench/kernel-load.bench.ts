/**
 * A network with 5,000 policies, 50,000 tuples and 100,000 members, from rows to the kernel of a host: compiled, put into a router by the driver, and one
 * member more or less. Beside it one `nft -f` of the same sets and elements, written by hand. Needs root.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  Compiler,
  type Driver,
  declarationOf,
  type EntryObject,
  FEATURES,
  hostsTable,
  type KernelChange,
  placementsTable,
} from '@weft/fabric';
import { createLinuxDriver } from '@weft/linux';
import { atMost, type Bench, type Result } from './bench.ts';
import { makeHost, removeHost } from './host-netns.ts';
import { summarize } from './stats.ts';

type Rows = Parameters<Compiler['applyRows']>[1];
type ProjectedRow = Rows[number];
type Size = Readonly<{ policies: number; classes: number; members: number; samples: number }>;

const VNI = 4_242;
const NETNS = 'weftbench-load';
const BY_HAND = 'weftbench-hand';
const PORTS_OF_A_POLICY = 10;
/** As an agent hands rows to its compiler. */
const PIECE = 64;
const identity = { host: 'bench', index: 64_242, underlay: 'fd00:b::1' };
const why = { position: '7', because: [] };
const uid = (n: number): string => `00000000-0000-4000-8000-${n.toString(16).padStart(12, '0')}`;
const address = (n: number): string => `10.${n >> 16}.${(n >> 8) & 255}.${n & 255}`;

/** Each policy regulates one class of interfaces, and admits one group of members at ten ports of their own. */
function policyRow(p: number, { classes }: Size): ProjectedRow {
  const ports = Array.from({ length: PORTS_OF_A_POLICY }, (_, n) => {
    const port = 1_000 + 2 * n;
    return { protocol: 'TCP', ports: { first: port, last: port } };
  });
  const row = { policy: uid(p), namespace: 'ns', name: `p${p}`, target: `t${p % classes}`, isolates: ['ingress'], egress: [] };
  return { key: `policy/${uid(p)}`, row: { ...why, ...row, ingress: [{ peers: [{ group: `g${p}` }], ports }] } };
}

function memberRow(m: number, { policies, classes }: Size): ProjectedRow {
  const row = { kind: 'NetworkInterface', uid: uid(m), name: `n${m}`, prefixes: [`${address(m)}/32`] };
  return { key: `member/${uid(m)}`, row: { ...why, ...row, targets: m < classes ? [`t${m}`] : [], groups: [`g${m % policies}`] } };
}

function placementRow(m: number): ProjectedRow {
  const row = { nic: uid(m), mac: '02:00:00:00:00:01', ips: [address(m)], namespace: 'ns', name: `n${m}`, network: 'one' };
  return { key: uid(m), row: { ...why, ...row, vni: VNI, placedAt: '5', heldAt: '3' } };
}

/** Only the router and what policies make: ports and routes are not what is measured. */
function ofPolicies({ put, remove }: KernelChange): KernelChange {
  const isMeant = ({ kind }: { kind: string }) => kind === 'router' || kind === 'entry';
  return { put: put.filter(isMeant), remove: remove.filter(isMeant) };
}

class Host {
  readonly #compiler = new Compiler(identity);
  readonly #driver: Driver = createLinuxDriver({ identity, hostNetns: NETNS });

  compile(table: string, rows: readonly ProjectedRow[]): KernelChange {
    const all: { put: KernelChange['put'][number][]; remove: KernelChange['remove'][number][] } = { put: [], remove: [] };
    for (let from = 0; from < rows.length; from += PIECE) {
      const { put, remove } = ofPolicies(this.#compiler.applyRows(table, rows.slice(from, from + PIECE)));
      for (const object of put) all.put.push(object);
      for (const object of remove) all.remove.push(object);
    }
    return all;
  }

  /** All of what the compiler wants. */
  get wanted(): KernelChange {
    return ofPolicies({ put: [...this.#compiler.state.values()], remove: [] });
  }

  async apply(change: KernelChange): Promise<void> {
    const { failed } = await this.#driver.apply(change);
    if (failed[0] !== undefined) throw new Error(`${failed.length} refused: ${failed[0].key}: ${failed[0].detail}`);
  }

  prepare(): Promise<unknown> {
    return this.#driver.read();
  }

  async close(): Promise<void> {
    await this.#driver.close();
  }
}

/** Seconds of one `nft -f` with the sets of all features and these elements. */
function byHand(entries: readonly EntryObject[]): number {
  const sections = FEATURES.flatMap((feature) => feature.sections);
  const texts = new Map<string, string[]>();
  for (const { section, key, value } of entries) {
    const found = texts.get(section);
    const text = value === '' ? key : `${key} : ${value}`;
    if (found === undefined) texts.set(section, [text]);
    else found.push(text);
  }
  const chains = FEATURES.flatMap((feature) => feature.chains.map(({ name }) => `add chain inet hand ${name}`));
  const lines = [
    'add table inet hand',
    ...chains,
    ...sections.map((section) => declarationOf(section).replace(/^(set|map) /, 'add $1 inet hand ')),
    ...[...texts].map(([section, elements]) => `add element inet hand ${section} { ${elements.join(', ')} }`),
  ];
  const file = join(tmpdir(), `weftbench-${process.pid}.nft`);
  writeFileSync(file, `${lines.join('\n')}\n`);
  const started = performance.now();
  const { status, stderr } = spawnSync('ip', ['netns', 'exec', BY_HAND, 'nft', '-f', file], { encoding: 'utf8' });
  const tookMs = performance.now() - started;
  rmSync(file);
  if (status !== 0) throw new Error(`nft: ${stderr.slice(0, 500)}`);
  execFileSync('ip', ['netns', 'exec', BY_HAND, 'nft', 'delete', 'table', 'inet', 'hand']);
  return tookMs / 1000;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function measure(size: Size): Promise<readonly Result[]> {
  const host = new Host();
  try {
    await host.prepare();
    const of = (count: number, rowOf: (n: number) => ProjectedRow) => Array.from({ length: count }, (_, n) => rowOf(n));
    host.compile(hostsTable, [{ key: identity.host, row: { ...why, ...identity } }]);
    const before = cpuSeconds();
    host.compile(placementsTable(identity.host), of(size.classes, placementRow));
    host.compile(`policies.${VNI}`, [...of(size.policies, (p) => policyRow(p, size)), ...of(size.members, (m) => memberRow(m, size))]);
    const compileSeconds = cpuSeconds() - before;
    const { wanted } = host;
    const entries = wanted.put.filter((object) => object.kind === 'entry');
    const handSeconds = [byHand(entries)];
    const started = performance.now();
    const cpuBefore = cpuSeconds();
    await host.apply(wanted);
    const loadSeconds = (performance.now() - started) / 1000;
    const loadCpu = cpuSeconds() - cpuBefore;
    handSeconds.push(byHand(entries));
    const hand = (handSeconds[0]! + handSeconds[1]!) / 2;
    const [moreMs, lessMs]: [number[], number[]] = [[], []];
    for (let n = 0; n < size.samples; n++) {
      const more = memberRow(size.members + n, size);
      for (const [row, into] of [
        [more, moreMs],
        [{ key: more.key, row: undefined }, lessMs],
      ] as const) {
        const begun = performance.now();
        await host.apply(host.compile(`policies.${VNI}`, [row]));
        into.push(performance.now() - begun);
      }
    }
    const [more, less] = [summarize(moreMs), summarize(lessMs)];
    const tuples = size.policies * PORTS_OF_A_POLICY;
    const name = `${size.policies} policies of ${size.classes} classes, ${tuples} tuples, ${size.members} members`;
    return [
      { name: `${name}: rows compiled, CPU`, figure: `${compileSeconds.toFixed(2)} s` },
      {
        name: `– ${entries.length} entries into the kernel (CPU of the agent ${loadCpu.toFixed(2)} s)`,
        figure: `${loadSeconds.toFixed(2)} s`,
        ratio: { value: loadSeconds / hand, to: `one nft -f of it written by hand, ${hand.toFixed(2)} s` },
        goal: atMost(1.3, loadSeconds / hand, 'times nft -f'),
      },
      { name: '– one member more, compiled and in the kernel', latencyMs: more, goal: atMost(5, more.p99, 'ms p99') },
      { name: '– one member less', latencyMs: less, goal: atMost(5, less.p99, 'ms p99') },
    ];
  } finally {
    await host.close();
  }
}

function clean(): void {
  removeHost(NETNS, identity.index, [BY_HAND]);
}

export const kernelLoadBench: Bench = {
  name: 'kernel-load',
  async run({ quick, say }) {
    if (process.getuid?.() !== 0) {
      say('kernel-load: needs root, left out');
      return [];
    }
    clean();
    makeHost(NETNS, identity.underlay);
    execFileSync('ip', ['netns', 'add', BY_HAND]);
    try {
      return await measure(
        quick
          ? { policies: 500, classes: 50, members: 10_000, samples: 50 }
          : { policies: 5_000, classes: 500, members: 100_000, samples: 200 },
      );
    } finally {
      clean();
    }
  },
};
