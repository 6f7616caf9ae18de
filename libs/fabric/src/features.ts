/** What features bring to the kernel of each host, beside routers and ports. One more is a folder here, and a line. */
import { balancingKernel } from './balancing/balancing.kernel.ts';
import { edgesKernel } from './edges/edges.kernel.ts';
import type { Feature } from './kernel/feature.ts';
import { KERNEL_KINDS, partsOfEntryKey, vniOfScope } from './kernel/kernel-objects.ts';
import { TABLE_SECTIONS } from './kernel/sections.ts';
import { natKernel } from './nat/nat.kernel.ts';
import { peeringKernel } from './peering/peering.kernel.ts';
import { policyKernel } from './policy/policy.kernel.ts';
import { virtualIpsKernel } from './virtual-ips/virtual-ips.kernel.ts';

export const FEATURES: readonly Feature[] = [edgesKernel, peeringKernel, virtualIpsKernel, balancingKernel, policyKernel, natKernel];

/** Whether the keys of a section are an address and the number of a bucket. */
export function isBucketed(section: string): boolean {
  return BUCKETED.has(section);
}

const SECTIONS = FEATURES.flatMap(({ sections, public: side }) => [...sections, ...(side?.sections ?? [])]);

/** What a host can be asked about: kinds of kernel objects, and sections of entries. */
export const ENTRY_KINDS: readonly string[] = [...new Set([...KERNEL_KINDS, ...[...TABLE_SECTIONS, ...SECTIONS].map(({ name }) => name)])];

const BUCKETED = new Set(SECTIONS.filter(({ buckets }) => buckets === true).map(({ name }) => name));

/** Kinds of tables from which entries of a section are made. */
export function tablesOfSection(section: string): readonly string[] {
  const isShared = TABLE_SECTIONS.some(({ name }) => name === section);
  const features = FEATURES.filter(
    ({ sections, public: side }) => isShared || [...sections, ...(side?.sections ?? [])].some(({ name }) => name === section),
  );
  return ['endpoints', ...features.flatMap(({ tables }) => tables)];
}

/** The table of whose rows all have to be worked off before the entry with this key may be written (`Feature.whole`). */
export function wholeTableOf(key: string): string | undefined {
  const parts = partsOfEntryKey(key);
  if (parts === undefined) return undefined;
  const feature = WHOLE.get(parts.section);
  return feature && `${feature.tables[0]}.${vniOfScope(parts.scope)}`;
}

const WHOLE = new Map(
  FEATURES.filter(({ whole }) => whole === true).flatMap((feature) => feature.sections.map(({ name }) => [name, feature] as const)),
);
