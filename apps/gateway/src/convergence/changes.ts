/**
 * The newest changes, and how far each has come. Nothing is asked about the world: who has to apply a change follows from the tables that projectors
 * say it changed, and who has from the reports of hosts in the log. So a change costs what it touches, and what it costs is bounded.
 *
 *   append ──> its change ──progress of projectors──> tables ──> hosts that follow them ──reports in the log──> applied
 */
import {
  type Append,
  type Change,
  type Clock,
  type Context,
  each,
  type Facts,
  type Few,
  type Folded,
  factsOf,
  isOurs,
  isWeft,
  keyOfStream,
  minus,
  nameText,
  type ObjectKey,
  Oldest,
  type Position,
  plus,
  type RecordedEvent,
  specOf,
  streamOf,
} from '@weft/api';
import type { RowsProgress } from '@weft/bus';
import { Host, type HostTypes, Network, NetworkInterface, type NicTypes } from '@weft/network';
import type { Follower } from '@weft/service';
import { AppendsInOrder } from './appends-in-order.ts';
import type { HostQueue } from './host-queue.ts';
import { HostSets } from './host-sets.ts';
import { reachOf } from './reach.ts';
import { type Note, stagesOf, TrackedChange } from './tracked-change.ts';

export type ChangesOptions = Readonly<{
  follower: Pick<Follower, 'position'> & Parameters<typeof factsOf>[0];
  clock: Pick<Clock, 'now'>;
  /** Contexts whose projectors have to derive a change. */
  contexts: readonly Context[];
  /** Default 65,536 appends, and 200,000 parts of hosts. */
  positionsMax?: number;
  partsMax?: number;
  /** Whether events of changes that this gateway has taken are kept, for traces. Default: no. */
  keepsEvents?: boolean;
}>;

/** Requests that were taken and are not in the log yet. */
const ACCEPTED_MAX = 10_000;
/** A report of what a host has applied comes a second after the last one. */
const REPORT_MS_MAX = 2_000;
/** Progress of projectors that are ahead of this fold. */
const AHEAD_MAX = 10_000;

export class Changes {
  readonly #options: Required<ChangesOptions>;
  readonly #facts: Facts;
  /** Oldest first. */
  readonly #byCorrelation = new Map<string, TrackedChange>();
  readonly #oldest = new Oldest(this.#byCorrelation);
  readonly #appends = new AppendsInOrder();
  readonly #byStream = new Map<string, Few<TrackedChange>>();
  readonly #hosts: HostSets;
  /** Changes that wait for the link of an interface. */
  readonly #byLink = new Map<string, Few<TrackedChange>>();
  #pairs = 0;
  readonly #upTo = new Map<string, Position>();
  readonly #ahead: RowsProgress[] = [];
  readonly #accepted = new Map<string, Date>();
  readonly #listeners = new Set<(change: TrackedChange) => void>();

  constructor(options: ChangesOptions) {
    this.#options = { positionsMax: 65_536, partsMax: 200_000, keepsEvents: false, ...options };
    this.#facts = factsOf(options.follower);
    this.#hosts = new HostSets(this.#facts);
  }

  /** A request was taken at this gateway. */
  accepted(requestId: string): void {
    this.#accepted.set(requestId, this.#options.clock.now());
    if (this.#accepted.size > ACCEPTED_MAX) this.#accepted.delete(this.#accepted.keys().next().value as string);
  }

  at(position: Position): TrackedChange | undefined {
    return this.#appends.at(position);
  }
  in(correlation: string): TrackedChange | undefined {
    return this.#byCorrelation.get(correlation);
  }
  /** Changes that wrote to a stream, oldest first. Not those that only told what a host has done. */
  of(stream: string): readonly TrackedChange[] {
    return [...each(this.#byStream.get(stream))].filter((change) => !isOfReport(change));
  }
  /** Not derived, or not in all kernels: oldest first. O(changes that are remembered). */
  open(): readonly TrackedChange[] {
    return [...this.#byCorrelation.values()].filter((change) => !change.isApplied);
  }
  /** Contexts whose projectors have not read so far, with where they are; undefined: not heard. */
  behind(position: Position): readonly Readonly<{ context: Context; upTo: Position | undefined }>[] {
    return this.#options.contexts
      .map((context) => ({ context, upTo: this.#upTo.get(context) }))
      .filter(({ upTo }) => upTo === undefined || upTo < position);
  }
  /** Contexts of which no projector was heard. */
  get silent(): readonly Context[] {
    return this.#options.contexts.filter((context) => !this.#upTo.has(context));
  }

  /** Told when a change has come farther, or has grown. */
  onMoved(listener: (change: TrackedChange) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** The fold has taken an append. */
  apply({ append, before, after }: Change): void {
    const [first] = append.events;
    if (!isOurs(first)) return; // Somebody else's, in the same store.
    if (!isReport(first)) this.#appended(append);
    if (after?.key.kind === NetworkInterface.kind) this.#linkMoved(append, after as Folded<NicTypes>);
    if (after?.key.kind === Network.kind && before?.status !== 'live' && after.status === 'live') this.#networkCame(append, after.key);
    if (after?.key.kind === Host.kind) this.#hostMoved(first, before as Folded<HostTypes> | undefined, after as Folded<HostTypes>);
    this.#catchUp(append.position);
  }

  /** A projector has read on. */
  progressed(progress: RowsProgress): void {
    if (!this.#options.contexts.some((context) => context === progress.context)) return;
    this.#ahead.push(progress);
    // This process lags far behind: what it misses so is not known any more.
    if (this.#ahead.length > AHEAD_MAX) this.#ahead.shift();
    this.#catchUp(this.#options.follower.position);
  }

  #appended(append: Append): void {
    const [{ metadata }] = append.events;
    const { $correlationId: correlation, requestId } = metadata;
    let change = this.#byCorrelation.get(correlation);
    if (change === undefined) {
      const accepted = this.#accepted.get(requestId);
      change = new TrackedChange(append, accepted, { keepsEvents: this.#options.keepsEvents && accepted !== undefined });
      this.#byCorrelation.set(correlation, change);
    }
    this.#accepted.delete(requestId);
    change.append(append);
    this.#appends.push(append.position, change);
    add(this.#byStream, append.stream, change);
    for (const event of append.events) if (event.type === 'NetworkInterfacePlaced.v1') this.#placed(change, event);
    this.#forget();
    this.#tell(change);
  }

  /** No host is told of an interface whose Network is not there: nothing waits for its link before that comes. */
  #placed(change: TrackedChange, { stream, data }: RecordedEvent): void {
    const nic = this.#facts.get(NetworkInterface, keyOfStream(stream) as ObjectKey);
    const network = nic && { namespace: nic.key.namespace ?? '', name: specOf(nic.object).networkRef?.name ?? '' };
    if (network !== undefined && this.#facts.get(Network, network)?.status !== 'live') return;
    this.#awaitLink(change, stream, String(data['host']));
  }

  /** Interfaces that were placed without it get their links now, because of what made it. */
  #networkCame({ events: [event] }: Append, key: ObjectKey): void {
    const change = this.#byCorrelation.get(event.metadata.$correlationId);
    if (change === undefined) return;
    for (const { key: nic, facts } of this.#facts.by(NetworkInterface, 'network', nameText(key)))
      if (facts.placement !== undefined && facts.programmed !== true) this.#awaitLink(change, streamOf(nic), facts.placement.host);
  }

  #awaitLink(change: TrackedChange, stream: string, host: string): void {
    this.#grown(change, () => change.awaitLink(host, stream));
    this.#hosts.queueOf(host).linked.add(change);
    add(this.#byLink, stream, change);
  }

  #grown(change: TrackedChange, grow: () => void): void {
    const before = change.pairs;
    grow();
    this.#pairs += change.pairs - before;
  }

  // ---- rows ----

  #catchUp(read: Position): void {
    while (this.#ahead[0] !== undefined && this.#ahead[0].upTo <= read) this.#derived(this.#ahead.shift() as RowsProgress);
  }

  #derived({ context, upTo, changed, gap }: RowsProgress): void {
    for (const { table, revs } of changed) for (const rev of revs) this.#tableChanged(table, rev);
    if (gap) for (const [, change] of this.#appends.underived(upTo)) change.isUnsure = true;
    this.#upTo.set(context, upTo);
    let all = upTo;
    for (const each of this.#options.contexts) {
      const of = this.#upTo.get(each) ?? 0n;
      if (of < all) all = of;
    }
    const now = this.#options.clock.now();
    for (const [position, change] of this.#appends.underived(all)) {
      if (position !== change.last) continue;
      change.derived = now;
      this.#tell(change);
    }
    this.#appends.takeDerived(all);
  }

  #tableChanged(table: string, rev: Position): void {
    const change = this.#appends.at(rev);
    if (change === undefined) return;
    change.rowsAt = this.#options.clock.now();
    const hosts = this.#hosts.of(table);
    this.#grown(change, () => {
      const note = change.note(table, rev, hosts);
      for (const queue of hosts.queues) {
        // Its report may have come first: it stands behind the change then.
        if (queue.hasReportedSince(rev) && this.#hasApplied(queue.host, table, rev)) this.#applied(queue, note, queue.report);
        else queue.add(note);
      }
    });
    this.#forget();
  }

  // ---- hosts ----

  #hostMoved(event: RecordedEvent, before: Folded<HostTypes> | undefined, after: Folded<HostTypes>): void {
    this.#hosts.changed(before, after);
    if (after.status !== 'live') this.#hostEnded(after.key.name);
    if (after.status !== 'live' || event.type !== 'HostApplied.v1') return;
    const queue = this.#hosts.queueOf(after.key.name);
    queue.report = event;
    const reach = reachOf(after);
    for (const note of queue.take(({ table, rev }) => rev <= reach(table))) this.#applied(queue, note, event);
  }

  #hasApplied(name: string, table: string, rev: Position): boolean {
    const host = this.#facts.get(Host, { name });
    return host !== undefined && rev <= reachOf(host)(table);
  }

  /**
   * A heartbeat of a host says that its kernel reflects everything up to `position`. Reports say more; but where no table is left to be reported, none
   * comes.
   */
  reached(name: string, position: Position): void {
    const host = this.#facts.get(Host, { name });
    if (host?.status !== 'live') return;
    const overdue = this.#options.clock.now().getTime() - REPORT_MS_MAX;
    const isOverdue = ({ derived }: TrackedChange) => derived !== undefined && derived.getTime() <= overdue;
    const queue = this.#hosts.queueOf(name);
    for (const note of queue.take(({ change, rev }) => rev <= position && isOverdue(change))) this.#applied(queue, note, undefined);
  }

  /** `report`: what said so. */
  #applied({ host }: HostQueue, { change }: Note, report: RecordedEvent | undefined): void {
    if (change.noteApplied(host, () => stagesOf(report, this.#options.clock.now()))) this.#tell(change);
  }

  /** Its link is up, or it is not there any more. */
  #linkMoved({ stream, events }: Append, nic: Folded<NicTypes>): void {
    for (const change of each(this.#byLink.get(stream))) {
      for (const host of change.awaiting(stream)) {
        const isHere = nic.status === 'live' && nic.facts.placement?.host === host;
        if (isHere && nic.facts.programmed !== true) continue;
        const queue = this.#hosts.queueOf(host);
        const stages = () => stagesOf(queue.report, this.#options.clock.now());
        if (change.linkUp(host, stream, events[0].metadata.time, stages)) this.#tell(change);
        if (change.linksAt(host).size === 0) queue.linked.delete(change);
      }
      if (isEmpty(change.awaiting(stream))) drop(this.#byLink, stream, change);
    }
  }

  #hostEnded(name: string): void {
    const queue = this.#hosts.queueOf(name);
    const notes = new Map([...queue.linked].map((change) => [change, 0]));
    for (const { change } of queue.take(() => true)) notes.set(change, (notes.get(change) ?? 0) + 1);
    for (const [change, count] of notes) {
      const links = [...change.linksAt(name)];
      change.hostEnded(name, count);
      for (const stream of links) if (isEmpty(change.awaiting(stream))) drop(this.#byLink, stream, change);
      this.#tell(change);
    }
    this.#hosts.forget(name);
  }

  // ---- bounds ----

  #forget(): void {
    const { positionsMax, partsMax } = this.#options;
    while ((this.#appends.size > positionsMax || this.#pairs > partsMax) && this.#byCorrelation.size > 1) {
      const oldest = this.#oldest.take() as TrackedChange;
      oldest.isForgotten = true;
      this.#appends.forget(oldest);
      for (const stream of each(oldest.streams)) drop(this.#byStream, stream, oldest);
      for (const [host, link] of oldest.links()) {
        this.#hosts.queueOf(host).linked.delete(oldest);
        drop(this.#byLink, link, oldest);
      }
      this.#pairs -= oldest.pairs;
    }
  }

  #tell(change: TrackedChange): void {
    for (const listener of this.#listeners) listener(change);
  }
}

/** By these a change is measured: they are none themselves. */
function isReport({ type }: RecordedEvent): boolean {
  return type === 'HostApplied.v1' || type === 'NicProgrammed.v1';
}

/** Loops take note of what a host has done. */
function isOfReport({ origin: { actor, onBehalfOf } }: TrackedChange): boolean {
  return onBehalfOf?.user.startsWith('system:host:') === true && isWeft(actor);
}

function add<K, V extends object>(sets: Map<K, Few<V>>, key: K, value: V): void {
  const before = sets.get(key);
  const after = plus(before, value);
  if (after !== before) sets.set(key, after);
}

function drop<K, V extends object>(sets: Map<K, Few<V>>, key: K, value: V): void {
  const before = sets.get(key);
  const after = minus(before, value);
  if (after === undefined) sets.delete(key);
  else if (after !== before) sets.set(key, after);
}

function isEmpty(values: Iterable<unknown>): boolean {
  for (const _ of values) return false;
  return true;
}
