import type { Derived, Engine, Lens } from '@weft/derive';
import type { EntryBlock, EntryDraft, Feature } from '../kernel/feature.ts';
import { type EntryObject, routerScope, vniOfScope } from '../kernel/kernel-objects.ts';
import { numberedKey, partsOfNumberedKey } from '../kernel/numbered-keys.ts';
import type { Here } from './here.ts';

/** The draft of one entry among those of one key. */
const draftAt: Lens<readonly EntryDraft[], EntryDraft> = {
  name: 'entry',
  of: (drafts, key) => lowest(drafts.filter((each) => keyOfDraft(each) === key)),
};

/** A block with the position of the newest row behind it, which is that of all its entries. */
export type PlacedBlock = EntryBlock & Readonly<{ position: string }>;
export type DerivedEntries = Readonly<{ entry?: Derived<EntryObject>; blocks?: Derived<PlacedBlock> }>;

export function deriveEntries(engine: Engine, here: Here, features: readonly Feature[]): DerivedEntries {
  const drafts: Derived<readonly EntryDraft[]>[] = [];
  const blocks: Derived<EntryBlock>[] = [];
  for (const feature of features) {
    const derived = feature.entries(engine, here);
    if ('drafts' in derived) {
      drafts.push(...derived.drafts);
      blocks.push(...(derived.blocks ?? []));
    } else drafts.push(...derived);
  }
  const entry = entriesOfDrafts(engine, here, drafts);
  const placed = placedBlocks(engine, here, blocks);
  return { ...(entry && { entry }), ...(placed && { blocks: placed }) };
}

/** By scope, section and prefix. */
function placedBlocks(engine: Engine, here: Here, derived: readonly Derived<EntryBlock>[]): Derived<PlacedBlock> | undefined {
  const [first, ...more] = derived.map((each) =>
    each.index('block', (block) => [blockKey(routerScope(block.vni), block.section, block.prefix)]),
  );
  if (first === undefined) return undefined;
  const byKey = engine.join('blocks of features', first, ...more);
  return engine.group<PlacedBlock>('blocks', byKey, (key, read) => {
    if (!read.any(here.holds, String(vniOfScope(key.slice(0, key.indexOf('/')))))) return undefined;
    for (const block of read.rows(byKey, key)) return { ...block, position: String(read.causes().at(-1)?.position ?? 0n) };
    return undefined;
  });
}

function blockKey(scope: string, section: string, prefix: string): string {
  return `${scope}/${section}/${prefix}`;
}

/** The entry of a block that has this key, without the kind. */
export function entryInBlocks(blocks: Derived<PlacedBlock>, key: string): EntryObject | undefined {
  const parts = partsOfNumberedKey(key);
  const block = parts && blocks.get(parts.prefix);
  return parts !== undefined && block?.values[parts.number] !== undefined ? entryOfBlock(block, parts.number) : undefined;
}

export function entryOfBlock({ vni, section, prefix, values, position, owner }: PlacedBlock, at: number): EntryObject {
  const key = numberedKey(prefix, at);
  return { kind: 'entry', scope: routerScope(vni), section, key, value: values[at] as string, position, owner };
}

/** Entries of all features, by their keys without the kind. */
function entriesOfDrafts(engine: Engine, here: Here, derived: readonly Derived<readonly EntryDraft[]>[]): Derived<EntryObject> | undefined {
  const [first, ...more] = derived.map((each) => each.index('entry', keysOf));
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
