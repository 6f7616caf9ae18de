/**
 * A policy that is tried out: hosts evaluate it and count what it would refuse, and enforce nothing of it. An annotation, since the spec is IronCore's.
 *
 *     fabric.weft.dev/staged: "true"
 */
import type { ApiObject } from '@weft/api';
import type { NetworkPolicyTypes } from './network-policy.types.ts';

export const STAGED_ANNOTATION = 'fabric.weft.dev/staged';
/** "false" is for those who cannot take an annotation away. */
export const STAGED_VALUES = ['true', 'false'] as const;

export function isStaged({ metadata }: Pick<ApiObject<NetworkPolicyTypes>, 'metadata'>): boolean {
  return metadata.annotations?.[STAGED_ANNOTATION] === 'true';
}
