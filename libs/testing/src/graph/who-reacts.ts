/** Who reacts to what: it records what loops, ledgers and rows read, take and send during the tour. */
import {
  CONTEXTS,
  type Command,
  type Context,
  createFold,
  type Fold,
  type Loop,
  type Provider,
  type Registry,
  type Reply,
} from '@weft/api';
import type { Graph } from '@weft/derive';
import { type SendOptions, World, type WorldOptions } from '../world/world.ts';
import { WorldFabric } from '../world/world-fabric.ts';
import { tour, WITHOUT_WORK } from './tour.ts';

export type LoopSeen = Readonly<{
  name: string;
  /** The provider that it is a part of; absent: it always runs. */
  provider?: Provider;
  /** What it is asked about. */
  over: string;
  reads: readonly string[];
  sends: readonly string[];
  /** Why the loop has sent nothing. */
  idle?: string;
}>;
export type LedgerSeen = Readonly<{ name: string; puts: readonly string[]; deletes: readonly string[] }>;
/** Rows, kernel objects, and what they are made of. */
export type DerivedSeen = Readonly<{ name: string; over: string; reads: readonly string[] }>;
export type WhoReacts = Readonly<{
  contexts: readonly Readonly<{ context: Context; loops: readonly LoopSeen[] }>[];
  ledgers: readonly LedgerSeen[];
  tables: readonly string[];
  /** By projection. */
  rows: readonly Readonly<{ projection: string; derived: readonly DerivedSeen[] }>[];
  compile: readonly DerivedSeen[];
}>;

const LOOP_ACTOR = 'system:loop:';

class Seen {
  readonly #values = new Map<string, Set<string>>();

  add(name: string, value: string): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, new Set([value]));
    else values.add(value);
  }

  of(name: string): readonly string[] {
    return [...(this.#values.get(name) ?? [])].sort();
  }
}

/** A world that notes what its loops send. */
class NotingWorld extends World {
  readonly #sent: Seen;

  constructor(options: WorldOptions, sent: Seen) {
    super(options);
    this.#sent = sent;
  }

  override send(command: Command, options: SendOptions = {}): Reply {
    const user = options.actor?.user ?? '';
    if (user.startsWith(LOOP_ACTOR)) this.#sent.add(user.slice(LOOP_ACTOR.length), whatIs(command));
    return super.send(command, options);
  }
}

function whatIs(command: Command): string {
  if (command.verb === 'reserve') return `${command.stream.slice(0, command.stream.indexOf('-'))}: ${command.command.type}`;
  if (command.verb === 'act') return `${command.key.kind}: ${command.action}`;
  return command.verb === 'create' ? `${command.kind}: create` : `${command.key.kind}: ${command.verb}`;
}

/** Runs the tour and records what happens. */
export function whoReacts(): WhoReacts {
  const sent = new Seen();
  const fabrics = new Fabrics();
  const worlds: World[] = [];
  tour((options = {}) => {
    const world = new NotingWorld(options, sent);
    worlds.push(world);
    fabrics.join(world);
    return world;
  });
  const [{ registry }] = worlds as [World];
  const reads = new Seen();
  const ledgers = new Takings(registry);
  for (const world of worlds) {
    noteReads(world.loops.describe(), registry, reads);
    ledgers.look(world);
  }
  const loopsOf = (context: Context) => {
    const loops = worlds.flatMap((world) => world.registry.loops(context));
    return [...new Map(loops.map((loop) => [loop.name, loopSeen(loop, reads, sent)])).values()].sort(byName);
  };
  return {
    contexts: CONTEXTS.map((context) => ({ context, loops: loopsOf(context) })),
    ledgers: registry.ledgers.map(({ ledger }) => ledgers.of(ledger)).sort(byName),
    tables: fabrics.tables,
    rows: fabrics.rows(registry),
    compile: fabrics.compile(registry),
  };
}

function loopSeen(loop: Loop, reads: Seen, sent: Seen): LoopSeen {
  const { name, provider } = loop;
  const idle = WITHOUT_WORK.get(name);
  return {
    name,
    ...(provider && { provider }),
    over: overText(loop),
    reads: reads.of(`loop ${name}`),
    sends: sent.of(name),
    ...(idle !== undefined && { idle }),
  };
}

function overText({ over }: Loop): string {
  if ('ledger' in over) return `each record of ${over.ledger}`;
  return over.index === undefined ? `each ${over.kind}` : `each value of ${over.kind} by ${over.index}`;
}

function noteReads({ derived }: Graph, registry: Registry, into: Seen): void {
  for (const { name, reads } of derived) for (const read of reads) into.add(name, readText(read, registry));
}

/** A bare name is a read of a whole value. */
function readText(read: string, registry: Registry): string {
  if (registry.ledgers.some(({ ledger }) => ledger === read)) return `record of ${read}`;
  return registry.kind(read) === undefined ? read : `${read}, whole`;
}

/** Which events make ledgers put and delete records: found by folding event by event, so that each change is that of one event. */
class Takings {
  readonly #registry: Registry;
  readonly #puts = new Seen();
  readonly #deletes = new Seen();

  constructor(registry: Registry) {
    this.#registry = registry;
  }

  look({ appends }: World): void {
    const fold: Fold = createFold(this.#registry);
    for (const { stream, events } of appends) {
      for (const event of events) {
        const { records = [] } = fold.apply({ stream, events: [event], revision: event.revision, position: event.position });
        for (const { ledger, before, after } of records) {
          if (after === undefined) this.#deletes.add(ledger, event.type);
          else if (before !== after) this.#puts.add(ledger, event.type);
        }
      }
    }
  }

  of(ledger: string): LedgerSeen {
    return { name: ledger, puts: this.#puts.of(ledger), deletes: this.#deletes.of(ledger) };
  }
}

/** Rows and kernel objects of each world. */
class Fabrics {
  readonly #fabrics: WorldFabric[] = [];
  readonly #tables = new Set<string>();

  join(world: World): void {
    const fabric = new WorldFabric(world);
    this.#fabrics.push(fabric);
    world.watch((change) => {
      fabric.onChange(change);
      for (const table of fabric.tables.keys()) this.#tables.add(familyOf(table));
    });
  }

  get tables(): readonly string[] {
    return [...this.#tables].sort();
  }

  rows(registry: Registry): WhoReacts['rows'] {
    const all = this.#fabrics.flatMap((fabric) => fabric.describe().rows);
    return [...new Set(all.map(({ projection }) => projection))].map((projection) => {
      const graphs = all.filter((each) => each.projection === projection).map(({ graph }) => graph);
      return { projection, derived: derivedIn(graphs, registry) };
    });
  }

  compile(registry: Registry): readonly DerivedSeen[] {
    return derivedIn(
      this.#fabrics.flatMap((fabric) => fabric.describe().compile),
      registry,
    );
  }
}

/** All these graphs together, by name. */
function derivedIn(graphs: readonly Graph[], registry: Registry): readonly DerivedSeen[] {
  const reads = new Seen();
  const overs = new Map<string, string>();
  for (const graph of graphs) {
    noteReads(graph, registry, reads);
    for (const { name, over, form } of graph.derived) overs.set(name, form === 'map' ? `each of ${over}` : `each value of ${over}`);
  }
  return [...overs].map(([name, over]) => ({ name, over, reads: reads.of(name) })).sort(byName);
}

/** `endpoints.200` and `endpoints.201` are tables of one family. */
function familyOf(table: string): string {
  const dot = table.indexOf('.');
  return dot < 0 ? table : `${table.slice(0, dot)}.…`;
}

function byName(a: Readonly<{ name: string }>, b: Readonly<{ name: string }>): number {
  return a.name < b.name ? -1 : 1;
}
