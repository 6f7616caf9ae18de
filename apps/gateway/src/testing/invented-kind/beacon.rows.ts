/** Rows of beacons that shine: `beacons.<vni>`, by uid. */
import { type Change, type FoldView, type JsonObject, nameFrom, type Projection, type Registry, specOf, type View } from '@weft/api';
import { Engine, FoldSources, TrackedFacts } from '@weft/derive';
import { Beacon, type BeaconTypes } from './beacon.types.ts';

type Shining = Readonly<{ uid: string; vni: number; channel: number; colour: string }>;
type Row = Readonly<{ table: string; key: string; row: JsonObject }>;

const shining: View<BeaconTypes, Shining> = {
  kind: Beacon,
  name: 'shining',
  facets: () => ['created', 'spec.colour', 'channel', 'light'],
  of: ({ object, facts: { vni, channel } }) =>
    vni === undefined || channel === undefined
      ? undefined
      : { uid: object.metadata.uid, vni, channel, colour: specOf(object).colour ?? '' },
};

export class BeaconRows implements Projection {
  readonly name = 'beacons';
  readonly version = 1;
  readonly #engine = new Engine();
  readonly #sources: FoldSources;
  #output: { table: string; changes: { key: string; row: JsonObject | undefined }[] }[] = [];

  constructor(registry: Registry, fold: FoldView) {
    this.#sources = new FoldSources(registry, fold);
    const from = this.#sources.within(this.#engine);
    this.#engine
      .map<Row>('rows of beacons', from.kind('Beacon'), (key, read) => {
        const seen = new TrackedFacts(from, read).see(shining, nameFrom(key));
        if (seen === undefined) return undefined;
        const { uid, vni, channel, colour } = seen;
        const causes = read.causes();
        const provenance = { position: `${causes.at(-1)?.position ?? 0n}`, because: causes.map(({ eventId }) => eventId) };
        return { table: `beacons.${vni}`, key: uid, row: { uid, channel, colour, ...provenance } };
      })
      .listen((_, before, after) => {
        if (before !== undefined && before.table !== after?.table)
          this.#output.push({ table: before.table, changes: [{ key: before.key, row: undefined }] });
        if (after !== undefined) this.#output.push({ table: after.table, changes: [{ key: after.key, row: after.row }] });
      });
  }

  /** Beacons are few: one slice. */
  seed() {
    this.#engine.settle();
    return { done: true, changes: this.#output.splice(0) };
  }

  note(change: Change) {
    this.#sources.apply(change);
  }

  onChange(change: Change) {
    this.note(change);
    return this.seed().changes;
  }

  get faults(): readonly string[] {
    return [...this.#engine.faults()].map(({ key, error }) => `beacon ${key}: ${error.message}`);
  }
}
