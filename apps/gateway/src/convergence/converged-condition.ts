/**
 * The condition Converged of one object, which nobody writes: it is shown to whoever names the object by a field selector (list, watch), as `kubectl wait`
 * does, and follows from what this gateway knows of the object's changes (ADR 64).
 */
import { type ApiObject, type Folded, factsOf, type JsonObject, type KindModule, type ObjectKey, statusOf } from '@weft/api';
import { Host, isReady } from '@weft/network';
import type { Platform } from '@weft/service';
import type { Encoding } from '../resources/encode.ts';
import type { Selection } from '../resources/selection.ts';
import type { Arrivals } from './arrivals.ts';
import { convergenceOf, lackText } from './convergence.ts';

/** What one object shows beside what is kept. */
export type Shown = Readonly<{
  key: ObjectKey;
  show: (folded: Folded) => Folded;
  /** Another text when it shows something else. */
  textOf: (folded: Folded) => string;
  follow: (moved: () => void) => () => void;
  /** Finds out what can be found out at once. */
  settle: () => Promise<void>;
}>;

type Condition = Readonly<{
  type: 'Converged';
  status: 'True' | 'False' | 'Unknown';
  reason: string;
  message: string;
  lastTransitionTime: string;
}>;
const TYPE = 'Converged';

const REASONS = { arrived: 'ArrivedEverywhere', underWay: 'ArrivalPending', unknown: 'ArrivalNotKnown' } as const;

export class ConvergedCondition {
  readonly #arrivals: Arrivals;
  readonly #platform: Pick<Platform, 'follower'>;

  constructor(arrivals: Arrivals, platform: Pick<Platform, 'follower'>) {
    this.#arrivals = arrivals;
    this.#platform = platform;
  }

  /** Undefined where nobody names one object or would see its status, or the kind has no conditions. */
  shownOf({ kind, shape }: Encoding, namespace: string | undefined, { name }: Selection): Shown | undefined {
    if (name === undefined || shape.as !== 'object' || !hasConditions(kind) || (kind.namespaced && namespace === undefined))
      return undefined;
    const key: ObjectKey = { kind: kind.kind, ...(kind.namespaced && namespace !== undefined && { namespace }), name };
    return {
      key,
      show: (folded) => this.#with(folded),
      textOf: ({ object }) => this.#conditionOf(key, object).status,
      follow: (moved) => this.#arrivals.follow(key, moved),
      settle: async () => {
        if (this.#arrivals.state(key)?.converged === false) await this.#arrivals.of({ object: key });
      },
    };
  }

  /** An object that has such a condition of its own, as a Host, keeps it. */
  #with(folded: Folded): Folded {
    const { object } = folded;
    const conditions = conditionsOf(object);
    if (conditions.some(({ type }) => type === TYPE)) return folded;
    const status = { ...(object.status as JsonObject | undefined), conditions: [...conditions, this.#conditionOf(folded.key, object)] };
    return { ...folded, object: { ...object, status } as ApiObject };
  }

  #conditionOf(key: ObjectKey, { metadata }: ApiObject): Condition {
    const state = this.#arrivals.state(key);
    if (state === undefined) return this.#longAgo(metadata.creationTimestamp ?? '');
    const { converged, at, change } = state;
    const condition = { type: TYPE, lastTransitionTime: `${at.slice(0, 19)}Z` } as const;
    if (converged) return { ...condition, status: 'True', reason: REASONS.arrived, message: 'it is in all kernels that it concerns' };
    const told = convergenceOf(change, factsOf(this.#platform.follower));
    return { ...condition, status: 'False', reason: REASONS.underWay, message: lackText(told) };
  }

  /** Of a change that is not remembered: where no host is behind anything, none is behind that. O(hosts). */
  #longAgo(lastTransitionTime: string): Condition {
    const condition = { type: TYPE, lastTransitionTime } as const;
    for (const host of factsOf(this.#platform.follower).all(Host)) {
      if (isReady(host) && statusOf(host.object).pendingSince === undefined) continue;
      const message = `its last change is not remembered here, and host ${host.key.name} is behind: "weft convergence" looks into the log`;
      return { ...condition, status: 'Unknown', reason: REASONS.unknown, message };
    }
    return { ...condition, status: 'True', reason: REASONS.arrived, message: 'no host is behind' };
  }
}

/** A status that somebody writes back as it was read: what was shown beside it is not kept. */
export function withoutShown(body: JsonObject): JsonObject {
  const status = body['status'] as JsonObject | undefined;
  const conditions = status?.['conditions'];
  if (!Array.isArray(conditions)) return body;
  const reasons: readonly unknown[] = Object.values(REASONS);
  const isShown = (each: unknown) => {
    const { type, reason } = (each ?? {}) as JsonObject;
    return type === TYPE && reasons.includes(reason);
  };
  if (!conditions.some(isShown)) return body;
  return { ...body, status: { ...status, conditions: conditions.filter((each) => !isShown(each)) } };
}

function conditionsOf({ status }: ApiObject): readonly JsonObject[] {
  return ((status as JsonObject | undefined)?.['conditions'] as readonly JsonObject[] | undefined) ?? [];
}

function hasConditions({ schema }: KindModule): boolean {
  const status = (schema['properties'] as JsonObject | undefined)?.['status'] as JsonObject | undefined;
  return ((status?.['properties'] as JsonObject | undefined)?.['conditions'] ?? undefined) !== undefined;
}
