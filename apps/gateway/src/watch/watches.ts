import type { Clock, KindModule, Position, Random, Sample, Slices } from '@weft/api';
import type { EventStore } from '@weft/event-store';
import type { Logger } from '@weft/service';
import type { GatewayConfig } from '../config.ts';
import type { Shown } from '../convergence/converged-condition.ts';
import { isFartherThan, type ReplayFold } from '../model/log-replay.ts';
import type { ResourceView } from '../model/resource-view.ts';
import type { Encoding } from '../resources/encode.ts';
import type { AskedVersion, WatchOptions } from '../resources/list-options.ts';
import { foreignVersion, type ReadPoint } from '../resources/read-point.ts';
import type { Selection } from '../resources/selection.ts';
import { Audience, type Concern } from './audience.ts';
import { PastReaders } from './past-readers.ts';
import type { Sink } from './sink.ts';
import { expiredEvent, WatchStream } from './watch-stream.ts';

type Dependencies = Readonly<{
  store: EventStore;
  view: ResourceView;
  createFold: () => ReplayFold;
  readPoint: ReadPoint;
  config: GatewayConfig;
  clock: Clock;
  slices: Slices;
  random: Random;
  log: Logger;
}>;

type Start = Readonly<{ at: 'state' | Position }> | Readonly<{ expired: string }>;

export type Watch = Readonly<{
  kind: KindModule;
  namespace: string | undefined;
  selection: Selection;
  options: WatchOptions;
  encoding: Encoding;
  /** What the object that it names shows beside what is kept. */
  shown?: Shown | undefined;
}>;

/** All open watches: started here, and ended cleanly at shutdown. */
export class Watches {
  readonly #deps: Dependencies;
  readonly #open = new Set<{ kind: string; stop: () => void; done: Promise<void> }>();
  #closing = false;
  /** The highest position that was too far back, and the lowest one that was not, of those before this gateway began. */
  #tooFar: Position = 0n;
  #nearEnough: Position | undefined;

  readonly #audiences = new Map<string, Audience>();
  readonly #past: PastReaders;
  #cutOff = 0;

  constructor(dependencies: Dependencies) {
    this.#deps = dependencies;
    this.#past = new PastReaders(dependencies.clock);
  }

  get count(): number {
    return this.#open.size;
  }

  *openByKind(): Iterable<Sample> {
    const counts = new Map<string, number>();
    for (const { kind } of this.#open) counts.set(kind, (counts.get(kind) ?? 0) + 1);
    for (const [kind, value] of counts) yield { labels: { kind }, value };
  }

  /** How many were cut off since their reader took nothing. */
  get cutOff(): number {
    return this.#cutOff;
  }

  /**
   * Serves one watch to its end. From here on it ends cleanly or with a 410 event, whatever happens: client-node handles nothing else (http-api 17).
   */
  async serve(request: Watch, sink: Sink): Promise<void> {
    const { options, encoding, namespace, selection } = request;
    const start = await this.#start(request.kind, options);
    if (sink.closed) return;
    if ('expired' in start) {
      sink.write(expiredEvent(start.expired));
      sink.end();
      return;
    }
    const { store, view, createFold, clock, slices, config, log } = this.#deps;
    const stream = new WatchStream(
      {
        store,
        view,
        createFold,
        clock,
        slices,
        audience: this.#audienceOf(request.kind),
        past: this.#past,
        onCutOff: () => (this.#cutOff += 1),
      },
      {
        encoding,
        ...(namespace === undefined ? {} : { namespace }),
        matches: selection.matches,
        concern: concernOf(request),
        ...(isShared(encoding) && request.shown === undefined && { question: questionOf(request) }),
        ...(request.shown !== undefined && { shown: request.shown }),
        start: start.at,
        bookmarkInitialEnd: options.sendInitialEvents === true && options.bookmarks,
        bookmarks: options.bookmarks,
        durationMs: options.timeoutSeconds === undefined ? config.watchMs * (1 + this.#deps.random()) : options.timeoutSeconds * 1_000,
        bookmarkEveryMs: config.bookmarkEveryMs,
        stallMs: config.watchStallMs,
        earlierMax: config.watchDistanceMax,
      },
      sink,
    );
    if (this.#closing) stream.stop();
    const done = stream.run().catch((error: unknown) => {
      log.error({ err: error, kind: request.kind.kind }, 'watch failed');
      sink.destroy();
    });
    const entry = { kind: request.kind.kind, stop: () => stream.stop(), done };
    this.#open.add(entry);
    await done;
    this.#open.delete(entry);
  }

  #audienceOf({ kind }: KindModule): Audience {
    let audience = this.#audiences.get(kind);
    if (audience === undefined) this.#audiences.set(kind, (audience = new Audience(this.#deps.view.kind(kind), this.#deps.clock)));
    return audience;
  }

  /** Ends every watch cleanly and those that come from now on at once. Resolves when all have ended. */
  async close(): Promise<void> {
    this.#closing = true;
    for (const { stop } of this.#open) stop();
    await Promise.all([...this.#open].map(({ done }) => done));
  }

  /** Where a watch starts (http-api 8.4, 8.6). Never rejects. */
  async #start(kind: KindModule, { resourceVersion, sendInitialEvents }: WatchOptions): Promise<Start> {
    const { view, readPoint } = this.#deps;
    if (resourceVersion === undefined || resourceVersion === 'any') {
      // A store that does not answer is no reason to fail: what the view holds is sent, and later changes follow.
      if (resourceVersion === undefined) await readPoint.latest().catch(() => {});
      return { at: sendInitialEvents === false ? view.position : 'state' };
    }
    const { version, position } = resourceVersion;
    if (position === undefined) return { expired: foreignVersion(resourceVersion) };
    if (position > view.position) {
      const head = await readPoint.head().catch(() => undefined);
      const exists = head === undefined || position <= head;
      if (!exists || !(await readPoint.reaches(position)))
        return { expired: `the resource version ${version} is not of this log, which is at ${view.version}` };
    }
    return (
      (await this.#refusal(kind, resourceVersion, position, sendInitialEvents === true)) ?? {
        at: sendInitialEvents === true ? 'state' : position,
      }
    );
  }

  async #refusal(kind: KindModule, asked: AskedVersion, position: Position, beginsWithState: boolean): Promise<Start | undefined> {
    const { readPoint, view, log } = this.#deps;
    const { version } = asked;
    try {
      if (!(await readPoint.holds(asked))) return { expired: foreignVersion(asked) };
      if (beginsWithState) return undefined;
      // What is at hand costs nothing more, however far back it begins.
      if (view.kind(kind.kind).ring.after(position) !== undefined) return undefined;
      if (await this.#isTooFar(position)) return { expired: `too old resource version: ${version} (${view.version})` };
    } catch (error) {
      log.warn({ err: error }, 'a watch could not be placed in the log');
      return { expired: `the resource version ${version} cannot be looked up now` };
    }
    return undefined;
  }

  /** Only where the log before this gateway's start is in question, events are counted, and not again for what is then known: many come back at once. */
  async #isTooFar(position: Position): Promise<boolean> {
    const { store, view, config } = this.#deps;
    const known = view.isFarther(position);
    if (known !== undefined) return known;
    if (position <= this.#tooFar) return true;
    if (this.#nearEnough !== undefined && position >= this.#nearEnough) return false;
    const isFarther = await isFartherThan(store, position, view.position, config.watchDistanceMax);
    if (isFarther && position > this.#tooFar) this.#tooFar = position;
    if (!isFarther && (this.#nearEnough === undefined || position < this.#nearEnough)) this.#nearEnough = position;
    return isFarther;
  }
}

function concernOf({ kind, namespace, selection: { name } }: Watch): Concern {
  // A name in all namespaces is a matter for whoever looks at everything.
  const isOne = name !== undefined && (namespace !== undefined || !kind.namespaced);
  return { ...(namespace !== undefined && { namespace }), ...(isOne && { name }) };
}

/** Tables tell ages, and columns once; what is assembled is told in its newest state. */
function isShared({ kind, shape }: Encoding): boolean {
  return shape.as !== 'Table' && kind.assembly === undefined;
}

function questionOf({
  kind: { group },
  namespace,
  options: { labelSelector, fieldSelector },
  encoding: { shape, includeObject },
}: Watch): string {
  return JSON.stringify([group, shape, includeObject, namespace ?? null, labelSelector, fieldSelector]);
}
