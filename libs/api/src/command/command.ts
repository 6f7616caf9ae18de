/** The one command model that HTTP, agents and control loops share, and the owner's reply. */
import type { ObjectKey } from '../kind/object.ts';
import type { Actor } from '../log/envelope.ts';
import type { JsonObject, JsonValue } from '../log/json.ts';
import type { Creation } from '../managers/managers.ts';
import type { Status } from '../status/status.ts';
import type { Retry } from './retry.ts';

export type WriteOptions = Readonly<{
  dryRun?: boolean;
  fieldManager?: string;
  /** Of an apply: takes fields over from other managers. */
  force?: boolean;
  fieldValidation?: 'Ignore' | 'Warn' | 'Strict';
}>;

export type PatchType = 'merge' | 'json' | 'strategic' | 'apply';

/** `object` and `patch` arrive decoded but unchecked: the owner applies defaults and rules (DESIGN 9.6). `subresource: 'status'` limits the write to status. */
export type Command =
  /** `name` is absent with `metadata.generateName`. */
  | Readonly<{ verb: 'create'; kind: string; namespace?: string; object: JsonObject; options?: WriteOptions }>
  | Readonly<{ verb: 'replace'; key: ObjectKey; object: JsonObject; subresource?: 'status'; options?: WriteOptions }>
  | Readonly<{ verb: 'patch'; key: ObjectKey; patchType: PatchType; patch: JsonValue; subresource?: 'status'; options?: WriteOptions }>
  | Readonly<{
      verb: 'delete';
      key: ObjectKey;
      preconditions?: Readonly<{ uid?: string; resourceVersion?: string }>;
      propagationPolicy?: string;
      /** `gracePeriodSeconds: 0`, as `kubectl delete --force --grace-period=0` sends it: overrides a kind's own refusal (a Host that is Ready). */
      force?: boolean;
      options?: WriteOptions;
    }>
  /** A command of the domain's own (`KindModule.actions`). */
  | Readonly<{ verb: 'act'; key: ObjectKey; action: string; payload: JsonObject }>
  /** For a reservation stream of the context. */
  | Readonly<{ verb: 'reserve'; stream: string; command: JsonObject & { type: string } }>;

/** What travels on `weft.cmd.<context>.<partition>`. */
export type CommandEnvelope = Readonly<{
  command: Command;
  /** UUID. The same id again returns the first outcome. */
  requestId: string;
  actor: Actor;
  onBehalfOf?: Actor;
  correlationId: string;
  causationId: string;
  /** Highest position that the caller has seen, decimal: a refusal that depends on other streams must rest on a view that is at least as new. */
  after?: string;
  /** How long the caller waits after the arrival, in ms. Later the owner does not begin the command. */
  timeoutMs: number;
  traceparent?: string;
}>;

/** Of a book (`KindModule.book`): what a reply to the write of one of its objects says. The object has no resourceVersion of its own yet. */
export type BookAnswer = Readonly<{
  code: 200 | 201;
  object: JsonObject;
  ended?: boolean;
  repeated?: boolean;
  warnings: readonly string[];
}>;

export type Reply =
  | Readonly<{
      ok: true;
      /** 201 when this command created the object. */
      code: 200 | 201;
      /** The object as this command left it; absent for `reserve`. For a deletion that ended it: its last state. */
      object?: JsonObject;
      /** Whose the object is, unless it names its managers (`withManagers`). */
      creation?: Creation;
      /** True when the object is gone (deleted without finalizers). */
      ended?: boolean;
      /** Log position that the answer reflects, decimal. */
      position: string;
      warnings?: readonly string[];
      /** True when the request had been carried out before. */
      repeated?: boolean;
    }>
  | Readonly<{
      ok: false;
      status: Status;
      /** Repeat with the same request id; `no`: a refusal. */
      retry: Retry;
    }>;
