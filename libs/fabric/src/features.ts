/** What features bring to the kernel of each host, beside routers and ports. One more is a folder here, and a line. */
import { balancingKernel } from './balancing/balancing.kernel.ts';
import type { Feature } from './kernel/feature.ts';
import { TABLE_SECTIONS } from './kernel/sections.ts';
import { peeringKernel } from './peering/peering.kernel.ts';

export const FEATURES: readonly Feature[] = [peeringKernel, balancingKernel];

/** Kinds of tables of networks from which entries of a section are made. */
export function tablesOfSection(section: string): readonly string[] {
  const isShared = TABLE_SECTIONS.some(({ name }) => name === section);
  const features = FEATURES.filter(({ sections }) => isShared || sections.some(({ name }) => name === section));
  return ['endpoints', ...features.flatMap(({ tables }) => tables)];
}
