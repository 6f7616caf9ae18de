import type { Derived, Engine, Lens } from '@weft/derive';
import type { EntryDraft, Feature } from '../kernel/feature.ts';
import { type EntryObject, routerScope, vniOfScope } from '../kernel/kernel-objects.ts';
import type { Here } from './here.ts';

/** The draft of one entry among those of one key. */
const draftAt: Lens<readonly EntryDraft[], EntryDraft> = {
  name: 'entry',
  of: (drafts, key) => lowest(drafts.filter((each) => keyOfDraft(each) === key)),
};

/** Entries of all features, by their keys without the kind. */
export function deriveEntries(engine: Engine, here: Here, features: readonly Feature[]): Derived<EntryObject> | undefined {
  const [first, ...more] = features.flatMap((feature) => feature.entries(engine, here)).map((each) => each.index('entry', keysOf));
  if (first === undefined) return undefined;
  const byKey = engine.join('entries of features', first, ...more);
  return engine.group<EntryObject>('entries', byKey, (key, read) => {
    const scope = key.slice(0, key.indexOf('/'));
    if (!read.any(here.holds, String(vniOfScope(scope)))) return undefined;
    const draft = lowest([...read.seeAll(byKey, draftAt, key, key)]);
    if (draft === undefined) return undefined;
    const position = read.causes().at(-1)?.position ?? 0n;
    return {
      kind: 'entry',
      scope,
      section: draft.section,
      key: draft.key,
      value: draft.value ?? '',
      position: String(position),
      owner: draft.owner,
    };
  });
}

function keysOf(drafts: readonly EntryDraft[]): readonly string[] {
  return [...new Set(drafts.map(keyOfDraft))];
}

function keyOfDraft({ vni, section, key }: EntryDraft): string {
  return `${routerScope(vni)}/${section}/${key}`;
}

function lowest(drafts: readonly EntryDraft[]): EntryDraft | undefined {
  return drafts.reduce<EntryDraft | undefined>((best, each) => (best === undefined || before(each, best) ? each : best), undefined);
}

function before(a: EntryDraft, b: EntryDraft): boolean {
  const [one, other] = [a.value ?? '', b.value ?? ''];
  return one === other ? a.owner < b.owner : one < other;
}
