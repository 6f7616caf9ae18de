import type { Derived, Engine, Index } from '@weft/derive';
import type { Here } from '../compile/here.ts';
import type { NetworkTable } from '../rows/rows.ts';
import type { Chain, NftSection, Section } from './sections.ts';
import { TABLE_SECTIONS } from './sections.ts';

/** An entry without its position, which follows from what was read. */
export type EntryDraft = Readonly<{ vni: number; section: string; key: string; value?: string; owner: string }>;

/**
 * Many entries of one section whose keys are a prefix and a number from 0 on: `<prefix> . <number>`. They are kept as one value, since most of them change
 * rarely and together. No other entry of the section has this prefix. Where a value is undefined there is none.
 */
export type EntryBlock = Readonly<{
  vni: number;
  section: string;
  prefix: string;
  values: readonly (string | undefined)[];
  owner: string;
}>;

/** What a feature derives. */
export type FeatureEntries = Readonly<{ drafts: readonly Derived<readonly EntryDraft[]>[]; blocks?: readonly Derived<EntryBlock>[] }>;

/**
 * All that a feature brings to the kernel of a host: pure compile output. It stands in `features.ts`, and nowhere else.
 */
export type Feature = Readonly<{
  name: string;
  /**
   * What a change of its (only) table makes of its entries is applied as one, and nothing before the rows are complete: entries of some of the rows would let
   * pass what those of all of them do not.
   */
  whole?: true;
  /** Tables that its entries are made from, of a network or of all, beside `hosts`, placements and endpoints. Others are followed, and not kept. */
  tables: readonly (NetworkTable | 'edges' | 'nat')[];
  /** Sets and maps of the router's table. Those of the kernel's other tables are there for all (`TABLE_SECTIONS`). */
  sections: readonly NftSection[];
  /** Constant rules, which look things up in the sets and maps. */
  chains: readonly Chain[];
  /** Rules of the chain `forward` of a router, for what comes to a guest by a wire, and leaves a guest by one. They refuse, or say nothing. */
  wires?: Readonly<{ arriving: readonly string[]; leaving: readonly string[] }>;
  /**
   * Entries as functions of rows. A key has few of them: finding one looks at all. Where two keys give an entry of one key, the lower value counts. There are
   * none in networks without a router here.
   */
  entries: (engine: Engine, here: Here) => readonly Derived<readonly EntryDraft[]>[] | FeatureEntries;
  /** What gives an interface something public, by its uid, or all of a network, by its VNI: then the network is joined to the public side of the host. */
  publishes?: (rows: Here['rows'], engine: Engine) => readonly Index<unknown>[];
  /** Sets, maps and chains of the router of the public side. Nothing there may touch `ct`. */
  public?: Readonly<{
    sections: readonly NftSection[];
    chains: readonly Chain[];
    /** Declarations of sets and maps that rules fill. */
    state?: readonly string[];
  }>;
}>;

export function sectionsOf(features: readonly Feature[]): ReadonlyMap<string, Section> {
  const ofPublic = features.flatMap(({ public: side }) =>
    (side?.sections ?? []).map((section) => ({ ...section, isPublic: true as const })),
  );
  return new Map(
    [...TABLE_SECTIONS, ...features.flatMap(({ sections }) => sections), ...ofPublic].map((section) => [section.name, section]),
  );
}
