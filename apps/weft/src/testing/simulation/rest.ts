/** What must hold once all faults have ceased and time has passed (DESIGN 8): one line for each thing that does not. */
import { CONTEXTS, conditionOf, type Folded, type FoldView, nameText, owedText, PARTITIONS, type Registry } from '@weft/api';
import { LOOPS_SLOT } from '@weft/service';
import { WorldFabric } from '@weft/testing';
import type { Observer } from './observer.ts';
import { kernelText, type SimHost } from './sim-host.ts';
import type { SimService } from './sim-service.ts';

type Slice = Readonly<{
  observer: Observer;

  services: readonly SimService[];
  hosts: readonly SimHost[];
  nowMs: number;
}>;

const SLOTS = PARTITIONS + 2;
const SHOWN_MAX = 5;

/** `nowMs`: Unix time that has passed on every clock. */
export function problemsAtRest({ observer, services, hosts, nowMs }: Slice): readonly string[] {
  const { registry } = observer;
  const anew = new WorldFabric({ registry, fold: observer.check.fold });
  const owed = owedText([...observer.check.owed(nowMs)]);
  return [
    ...(owed === '' ? [] : [`loops owe: ${owed}`]),
    ...(textOf(anew.tables) === textOf(observer.fabric.tables) ? [] : ['rows come out differently when they are made anew']),
    ...services.flatMap((service) => problemsOfService(service, observer)),
    ...CONTEXTS.flatMap((context) => problemsOfContext(context, services, observer)),
    ...hosts.flatMap((host) => problemsOfHost(host, observer)),
  ];
}

function problemsOfService({ process, platform, runtimes, view }: SimService, { check, position }: Observer): readonly string[] {
  const { follower, registry } = platform;
  const found: string[] = [];
  if (follower.position !== position) found.push(`has read to ${follower.position}, the log ends at ${position}`);
  else {
    found.push(...differences(statesOf(registry, follower), statesOf(registry, check.fold)).map((key) => `has another state of ${key}`));
    if (view !== undefined) {
      for (const { key, position: is } of livingIn(registry, check.fold))
        if (view.kind(key.kind).get(key)?.position !== is) found.push(`shows another ${key.kind} ${nameText(key)}`);
    }
  }
  for (const { context, loops } of runtimes) {
    const { toAsk, waiting, unsettled } = loops;
    if (toAsk + waiting + unsettled > 0)
      found.push(`loops of ${context} are not done: ${toAsk} to ask, ${waiting} wait, ${unsettled} unsettled`);
  }
  return found.map((each) => `${process.name} ${each}`);
}

function problemsOfContext(context: (typeof CONTEXTS)[number], services: readonly SimService[], { fabric }: Observer): readonly string[] {
  const found: string[] = [];
  const runtimes = services.flatMap(({ runtimes: all }) => all.filter((runtime) => runtime.context === context));
  for (let slot = 0; slot < SLOTS; slot++) {
    const holders = runtimes.filter(({ leases }) => leases.holds(slot)).length;
    if (holders !== 1) found.push(`slot ${slot} of ${context} has ${holders} holders`);
  }
  const publishers = runtimes.filter(({ projector }) => projector.publishes);
  if (publishers.length !== 1) found.push(`rows of ${context} are published by ${publishers.length}`);
  for (const { projector } of publishers) {
    for (const [table, { rows }] of projector.tables) {
      const present = textsOf(rows);
      const wanted = textsOf(fabric.tables.get(table) ?? new Map<string, unknown>());
      for (const key of differences(present, wanted)) found.push(`row ${key} of table ${table} is not as the log says`);
    }
  }
  if (!runtimes.some(({ leases }) => leases.holds(LOOPS_SLOT))) found.push(`nobody runs the loops of ${context}`);
  return found.slice(0, SHOWN_MAX);
}

function problemsOfHost(host: SimHost, { fabric, check }: Observer): readonly string[] {
  const agent = host.running?.agent;
  const wanted = fabric.kernelOf(host.name);
  if (agent?.identity === undefined || wanted === undefined) return [`host ${host.name} does not work: ${agent?.problems().join('; ')}`];
  const problems = agent.problems().map((problem) => `host ${host.name}: ${problem}`);
  const said = conditionOf(check.fold.get({ kind: 'Host', name: host.name })?.object ?? {}, 'Converged');
  if (said?.status !== 'True') problems.push(`host ${host.name} says of itself ${said?.reason}: ${said?.message}`);
  for (const [index, { objects }] of host.kernels) {
    const expected = index === agent.identity.index ? wanted : new Map();
    if (kernelText(objects) === kernelText(expected)) continue;
    const found = [...new Set([...objects.keys(), ...expected.keys()])].filter(
      (key) => kernelText(one(objects, key)) !== kernelText(one(expected, key)),
    );
    problems.push(`the kernel of host ${host.name} (${index}) is not as the log says: ${found.slice(0, SHOWN_MAX).join(', ')}`);
  }
  return problems;
}

function one<V>(map: ReadonlyMap<string, V>, key: string): ReadonlyMap<string, V> {
  const value = map.get(key);
  return value === undefined ? new Map() : new Map([[key, value]]);
}

type View = Pick<FoldView, 'list' | 'records'>;

function* livingIn({ kinds }: Registry, fold: View): Iterable<Folded> {
  for (const { kind } of kinds) yield* fold.list(kind);
}

/** Objects and records, as text by name. */
function statesOf(registry: Registry, fold: View): ReadonlyMap<string, string> {
  const states = new Map<string, string>();
  for (const state of livingIn(registry, fold)) states.set(`${state.key.kind} ${nameText(state.key)}`, textOf(state));
  for (const { ledger } of registry.ledgers)
    for (const [key, record] of fold.records(ledger)) states.set(`${ledger} ${key}`, textOf(record));
  return states;
}

function textsOf(rows: ReadonlyMap<string, unknown>): ReadonlyMap<string, string> {
  return new Map([...rows].map(([key, row]) => [key, textOf(row)]));
}

function differences(present: ReadonlyMap<string, string>, wanted: ReadonlyMap<string, string>): readonly string[] {
  return [...new Set([...present.keys(), ...wanted.keys()])].filter((key) => present.get(key) !== wanted.get(key)).slice(0, SHOWN_MAX);
}

/** JSON with the members of objects in order. */
export function textOf(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) => {
    if (typeof each === 'bigint') return `${each}n`;
    if (each instanceof Map) return [...each].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1));
    if (each instanceof Set) return [...each].sort();
    if (typeof each !== 'object' || each === null || Array.isArray(each)) return each;
    return Object.fromEntries(Object.entries(each).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}
