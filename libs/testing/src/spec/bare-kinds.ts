/**
 * For tests of shape and rules: kinds that have nothing else, driven through the machinery as by a request. Decoding, defaults, metadata rules and the
 * kind's rules run as they do for a client; references and reservations do not.
 */
import {
  type ApiObject,
  absent,
  decideObject,
  type FieldError,
  type Folded,
  factsOf,
  foldFacts,
  type JsonObject,
  type KindModule,
  type ObjectCommand,
  type Registry,
  registry,
  uuidv5,
} from '@weft/api';

/** The kind with shape, defaults and rules only, without its own decisions. */
function bare(kind: KindModule): KindModule {
  const { onCreate: _create, onChange: _change, onDelete: _delete, onEnd: _end, actions: _actions, ...shape } = kind;
  return { ...shape, context: 'network', hasStatus: true, tracksGeneration: false, evolve: {}, initialFacts: {}, facetOf: () => 'object' };
}

/** The answer to a client: the object, or `code` and the causes as `Reason path`, in order. */
export type Outcome = Readonly<{ object: ApiObject }> | Readonly<{ code: number; message: string; causes: readonly string[] }>;

export interface BareKinds<K extends string> {
  /** `metadata.namespace` of a namespaced kind is that of the request, `default` unless the manifest names one. */
  created(kind: K, manifest: JsonObject): Outcome & { after?: Folded };
  /** The outcome of a PUT of `spec` over an object that was created with `base`. */
  replaced(kind: K, base: JsonObject, spec: JsonObject, metadata?: JsonObject): Outcome;
}

export function bareKinds<K extends string>(kinds: readonly KindModule[]): BareKinds<K> {
  const bareRegistry: Registry = registry([{ context: 'network', kinds: kinds.map(bare), reservations: [] }]);
  let requests = 0;

  function carryOut(command: ObjectCommand, before: Folded): Outcome & { after?: Folded } {
    requests += 1;
    const requestId = uuidv5('00000000-0000-4000-8000-000000000000', `request ${requests}`);
    const context = {
      now: '2026-01-01T00:00:00.000Z',
      requestId,
      derive: (label: string) => uuidv5(requestId, label),
      facts: factsOf({ get: () => undefined, list: () => [], by: () => [] }),
    };
    const decision = decideObject(bareRegistry, command, before, context);
    if (decision.outcome === 'repeated') throw new Error('a request id was used twice');
    if (decision.outcome === 'rejected') {
      const { code, message, details } = decision.status;
      return { code, message: message ?? '', causes: (details?.causes ?? []).map(causeText) };
    }
    const after = foldFacts(bareRegistry, before, decision.facts, context);
    return { object: after.object, after };
  }

  function created(kind: K, manifest: JsonObject): Outcome & { after?: Folded } {
    const metadata = (manifest['metadata'] ?? {}) as { name?: string; namespace?: string };
    const namespaced = bareRegistry.kind(kind)?.namespaced === true;
    const namespace = namespaced ? (metadata.namespace ?? 'default') : undefined;
    const key = { kind, name: metadata.name ?? '', ...(namespace !== undefined && { namespace }) };
    const command: ObjectCommand = { verb: 'create', kind, object: manifest, ...(namespace !== undefined && { namespace }) };
    return carryOut(command, absent(bareRegistry, key));
  }

  return {
    created,
    replaced: (kind, base, spec, metadata = {}) => {
      const { after } = created(kind, base);
      if (after === undefined) throw new Error('the base of an update was refused');
      const { resourceVersion, name } = after.object.metadata;
      const object: JsonObject = { metadata: { name, resourceVersion, ...metadata }, spec };
      return carryOut({ verb: 'replace', key: after.key, object }, after);
    },
  };
}

/** `FieldValueRequired` at `spec.x` is `Required spec.x`. */
export function causeText({ reason, field }: FieldError): string {
  return `${reason.replace('FieldValue', '')} ${field}`;
}

/** The causes of a refusal; a refusal without causes is `HTTP <code>`. Empty when the request was accepted. */
export function causesOf(outcome: Outcome): readonly string[] {
  if ('object' in outcome) return [];
  return outcome.causes.length > 0 ? outcome.causes : [`HTTP ${outcome.code}`];
}

/** The object of an accepted request. Fails the test when it was refused. */
export function objectOf(outcome: Outcome): ApiObject {
  if ('object' in outcome) return outcome.object;
  throw new Error(`refused: ${outcome.message}`);
}
