/** Rules of a virtual IP template (resources 1.4, 2.3 V-1 to V-5). */
import { invalid, notSupported, required } from '../status/field-errors.ts';
import type { FieldError } from '../status/status.ts';
import { ipFamilyErrors } from '../values/ip-family.rules.ts';
import { subdomainProblems } from '../values/names.ts';
import { templateMetadataErrors } from './template-metadata.rules.ts';
import type { VirtualIpTemplate, VirtualIpTemplateSpec } from './virtual-ip-template.model.ts';

const NOTHING: VirtualIpTemplateSpec = Object.freeze({});
const TYPES = ['Public'];

export function virtualIpTemplateErrors(template: VirtualIpTemplate, path: string, errors: FieldError[]): void {
  if (template.metadata !== undefined) templateMetadataErrors(template.metadata, `${path}.metadata`, 'an ephemeral virtual ip', errors);
  virtualIpSpecErrors(template.spec ?? NOTHING, `${path}.spec`, errors);
}

/** Also of a VirtualIP. `reclaimPolicy` is not checked: every value but Retain deletes, as upstream (resources 6.3 Q-10). */
export function virtualIpSpecErrors({ type, ipFamily, targetRef }: VirtualIpTemplateSpec, path: string, errors: FieldError[]): void {
  if (type === undefined || type === '') errors.push(required(`${path}.type`, 'must specify type'));
  else if (type !== 'Public') errors.push(notSupported(`${path}.type`, type, TYPES));
  ipFamilyErrors(ipFamily, `${path}.ipFamily`, errors);
  if (targetRef === undefined) return;
  const { name = '' } = targetRef;
  for (const problem of subdomainProblems(name)) errors.push(invalid(`${path}.targetRef.name`, name, problem));
}
