/**
 * The types of one kind, declared once in its folder. Its decisions, its fold and whoever reads it are checked against them; machinery that serves
 * all kinds alike sees `UntypedKind`.
 *
 *   export type NetworkTypes = { spec: NetworkSpec; status: NetworkStatus; facts: NetworkFacts; events: DataOf<typeof networkEvents>; … };
 *   export const Network = kindRef<NetworkTypes>('Network');
 */
import type { JsonObject } from '../log/json.ts';

export type KindTypes = {
  /** The classes that the kind's model decodes spec and status to. */
  spec: object;
  status: object;
  /** The class of the fields that stand beside the metadata, of a kind without spec and status. */
  fields?: object;
  /** What the kind knows beside the object as it is served. */
  facts: object;
  /** Its own events: type in the log → data. Events that all kinds share are left out. */
  events: object;
  /** Its own actions: name → payload. */
  actions: object;
  /** Names of its secondary indexes. */
  index: string;
};

export type UntypedKind = {
  spec: JsonObject;
  status: JsonObject;
  facts: JsonObject;
  events: Record<string, JsonObject>;
  actions: Record<string, JsonObject>;
  index: string;
};

/** Names a kind together with its types. `types` is never there: it only carries them. */
export type KindRef<T extends KindTypes = UntypedKind> = Readonly<{ kind: string; types?: T }>;

export function kindRef<T extends KindTypes = UntypedKind>(kind: string): KindRef<T> {
  return { kind };
}
