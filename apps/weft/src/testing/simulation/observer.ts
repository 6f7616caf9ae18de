/**
 * Sees every append at the moment when it is in the log, as no process does, and holds the log to what must be true at every position: order, shapes, folds, single
 * holders, each request carried out once. It knows what rows and kernels must be at rest, and judges what people were told.
 */
import { type Append, type Change, LogCheck, type ObjectCommand, type ObjectKey, type Registry, type Reply, streamOf } from '@weft/api';
import { WorldFabric } from '@weft/testing';
import { KernelJudge } from './kernel-judge.ts';
import { RestWatch } from './rest-watch.ts';
import { RowsJudge } from './rows-judge.ts';
import type { SimHost } from './sim-host.ts';

/** A state of an object, from an append on until the next one. `position`: of its last change; undefined while it is not there. */
type Lived = Readonly<{ from: bigint; position: bigint | undefined }>;

export class Observer {
  readonly check: LogCheck;
  readonly fabric: WorldFabric;
  readonly registry: Registry;
  readonly #fail: (what: string) => void;
  readonly #lives = new Map<string, Lived[]>();
  /** Stream and request -> position of its append. */
  readonly #requests = new Map<string, bigint>();
  readonly kernels: KernelJudge;
  readonly rows: RowsJudge;
  readonly #rests: RestWatch;
  #found = 0;

  constructor(registry: Registry, given: Readonly<{ fail: (what: string) => void; nowMs: () => number; hosts: () => readonly SimHost[] }>) {
    this.registry = registry;
    this.#fail = given.fail;
    this.check = new LogCheck(registry);
    this.fabric = new WorldFabric({ registry, fold: this.check.fold });
    this.#rests = new RestWatch(this.check.fold, given.fail);
    this.rows = new RowsJudge(this.fabric, given.fail);
    this.kernels = new KernelJudge({ ...given, fold: this.check.fold, fabric: this.fabric });
  }

  get position(): bigint {
    return this.check.fold.position;
  }

  take(append: Append): void {
    const change = this.check.take(append);
    for (const { stream, position, what } of this.check.findings.slice(this.#found)) this.#fail(`${stream} at ${position}: ${what}`);
    this.#found = this.check.findings.length;
    this.#rests.take(append, change);
    if (change !== undefined) this.fabric.onChange(change);
    this.rows.take(append.position);
    this.kernels.take(append, change?.after);
    if (change === undefined) return;
    for (const fault of this.fabric.faults) this.#fail(`rows cannot be made: ${fault}`);
    this.#remember(change);
  }

  #remember({ append, after }: Change): void {
    const { stream, position, events } = append;
    if (!this.registry.holdsObject(stream)) return;
    const requestId = events[0]?.metadata.requestId ?? '';
    const request = `${stream} ${requestId}`;
    const before = this.#requests.get(request);
    if (before !== undefined) this.#fail(`${stream}: the request ${requestId} was carried out at ${before} and at ${position}`);
    this.#requests.set(request, position);
    const lives = this.#lives.get(stream) ?? [];
    this.#lives.set(stream, lives);
    lives.push({ from: position, position: after?.status === 'live' ? after.position : undefined });
  }

  // --- what people were told --------------------------------------------------------------------------------------------------------------------

  /** Whether the object was there (or not) at some moment since the log was at `since`. */
  #wasEver(key: ObjectKey, since: bigint, isThere: boolean): boolean {
    return this.#livesSince(key, since).some(({ position }) => (position !== undefined) === isThere);
  }

  #livesSince(key: ObjectKey, since: bigint): readonly Lived[] {
    const lives = this.#lives.get(streamOf(key)) ?? [];
    const first = lives.findLastIndex(({ from }) => from <= since);
    return first < 0 ? [{ from: 0n, position: undefined }, ...lives] : lives.slice(first);
  }

  /** `since`: where the log was when the command was sent for the first time. */
  judge(command: ObjectCommand, requestId: string, reply: Reply, since: bigint): void {
    const key = keyOfCommand(command);
    const done = this.#requests.get(`${streamOf(key)} ${requestId}`);
    const told = `${command.verb} ${key.kind} ${key.namespace ?? ''}/${key.name} (request ${requestId})`;
    if (reply.ok) {
      const position = BigInt(reply.position);
      if (position > this.position) this.#fail(`${told} is answered with ${position}, the log ends at ${this.position}`);
      if (done !== undefined && done > position) this.#fail(`${told} is answered with ${position}, and was carried out at ${done}`);
      if (done === undefined && command.verb === 'create') this.#fail(`${told} was acknowledged, and is not in the log`);
      if (done === undefined && command.verb === 'delete' && this.#livesSince(key, since).length === 0)
        this.#fail(`${told} was acknowledged, and is not in the log`);
      return;
    }
    if (reply.retry !== 'no') return;
    const { code, reason, message } = reply.status;
    if (done !== undefined) this.#fail(`${told} was carried out at ${done} and refused: ${code} ${message}`);
    // Details name the object that was missed: one that this one needs, such as its namespace, is judged by itself.
    const isOwn = reply.status.details?.name === key.name && (reply.status.details?.kind ?? '') !== 'namespaces';
    if (reason === 'NotFound' && isOwn && !this.#wasEver(key, since, false))
      this.#fail(`${told} is refused, but was there all the time: ${message}`);
    if (reason === 'AlreadyExists' && isOwn && !this.#wasEver(key, since, true))
      this.#fail(`${told} is refused, but was never there: ${message}`);
  }

  /** What a read gave that began when the log was at `since`. */
  judgeRead(key: ObjectKey, position: bigint | undefined, since: bigint): void {
    if (this.#livesSince(key, since).some((lived) => lived.position === position)) return;
    this.#fail(`a read of ${streamOf(key)} gave ${position ?? 'nothing'}, which it was not since ${since}`);
  }
}

export function keyOfCommand(command: ObjectCommand): ObjectKey {
  if (command.verb !== 'create') return command.key;
  const { kind, namespace, object } = command;
  const { name } = object['metadata'] as { name: string };
  return namespace === undefined ? { kind, name } : { kind, namespace, name };
}
