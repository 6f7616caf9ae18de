/**
 * Rules of a Network (resources 2.1 N-1 to N-16, N-U1).
 *
 * Other than upstream, which compares over all peerings and takes an absent prefixRef for one named "", so that a network can expose one literal
 * at most (resources 2.1 (R), 7 U-1): entries are compared within their peering, a prefixRef only where given, and an entry is exactly one
 * of prefix and prefixRef.
 */
import {
  type ApiObject,
  duplicate,
  type FieldError,
  forbidden,
  immutable,
  invalid,
  labelProblems,
  required,
  specOf,
  subdomainProblems,
} from '@weft/api';
import type { NetworkPeering, PeeredNetworkReference, PeeringClaimReference, PeeringPrefix } from './network.model.ts';
import type { NetworkTypes } from './network.types.ts';

export function networkRules(object: ApiObject<NetworkTypes>, old?: ApiObject<NetworkTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const spec = specOf(object);
  if (old !== undefined) providerIdErrors(specOf(old).providerID ?? '', spec.providerID ?? '', errors);
  const { name, namespace = '' } = object.metadata;
  if (spec.peerings !== undefined) peeringsErrors(spec.peerings, namespace, name, errors);
  if (spec.incomingPeerings !== undefined) claimsErrors(spec.incomingPeerings, namespace, name, errors);
  return errors;
}

function providerIdErrors(before: string, after: string, errors: FieldError[]): void {
  if (before !== '' && before !== after) errors.push(immutable('spec.providerID', before, after));
}

const NOWHERE: PeeredNetworkReference = Object.freeze({});

function peeringsErrors(peerings: readonly NetworkPeering[], namespace: string, name: string, errors: FieldError[]): void {
  const names = new Set<string>();
  const targets = new Set<string>();
  const self = name === '' ? undefined : `${namespace}/${name}`;
  peerings.forEach((peering, i) => {
    const path = `spec.peerings[${i}]`;
    const { name: label = '', networkRef = NOWHERE } = peering;
    if (names.has(label)) errors.push(duplicate(`${path}.name`, label));
    else names.add(label);
    const target = `${networkRef.namespace || namespace}/${networkRef.name ?? ''}`;
    if (target === self) errors.push(forbidden(`${path}.networkRef`, 'a network cannot be peered with itself'));
    else if (targets.has(target)) errors.push(duplicate(`${path}.networkRef`, networkRef));
    else targets.add(target);
    peeringErrors(peering, path, errors);
  });
}

function peeringErrors({ name = '', networkRef = NOWHERE, prefixes }: NetworkPeering, path: string, errors: FieldError[]): void {
  for (const problem of subdomainProblems(name)) errors.push(invalid(`${path}.name`, name, problem));
  const target = networkRef.name ?? '';
  if ((networkRef.namespace ?? '') !== '') {
    for (const problem of labelProblems(networkRef.namespace as string)) {
      errors.push(invalid(`${path}.networkRef.namespace`, networkRef.namespace, problem));
    }
  }
  for (const problem of subdomainProblems(target)) errors.push(invalid(`${path}.networkRef.name`, target, problem));
  if (prefixes !== undefined) prefixesErrors(prefixes, `${path}.prefixes`, errors);
}

function prefixesErrors(prefixes: readonly PeeringPrefix[], path: string, errors: FieldError[]): void {
  const names = new Set<string>();
  const referenced = new Set<string>();
  prefixes.forEach((entry, j) => {
    const at = `${path}[${j}]`;
    const { name = '', prefix } = entry;
    // Typed clients always send the reference, as {} when there is none.
    const reference = entry.prefixRef?.name ?? '';
    if (names.has(name)) errors.push(duplicate(`${at}.name`, name));
    else names.add(name);
    if (referenced.has(reference)) errors.push(duplicate(`${at}.prefixRef`, entry.prefixRef));
    else if (reference !== '') referenced.add(reference);
    if (prefix === '') errors.push(forbidden(`${at}.prefix`, 'must not be the zero prefix'));
    for (const problem of subdomainProblems(name)) errors.push(invalid(`${at}.name`, name, problem));
    if (reference !== '') {
      for (const problem of subdomainProblems(reference)) errors.push(invalid(`${at}.prefixRef.name`, reference, problem));
    }
    if (prefix === undefined && reference === '') errors.push(invalid(at, entry, 'must specify one of prefix and prefixRef'));
    if (prefix !== undefined && reference !== '') {
      errors.push(invalid(`${at}.prefixRef`, entry.prefixRef, 'cannot be specified together with prefix'));
    }
  });
}

function claimsErrors(claims: readonly PeeringClaimReference[], namespace: string, name: string, errors: FieldError[]): void {
  const claimants = new Set<string>();
  const self = name === '' ? undefined : `${namespace}/${name}`;
  claims.forEach((claim, i) => {
    const path = `spec.incomingPeerings[${i}]`;
    const claimant = `${claim.namespace || namespace}/${claim.name ?? ''}`;
    if (claimant === self) errors.push(forbidden(path, 'a network cannot claim itself'));
    else if (claimants.has(claimant)) errors.push(duplicate(path, claim));
    else claimants.add(claimant);
    claimErrors(claim, path, errors);
  });
}

function claimErrors({ name = '', namespace = '' }: PeeringClaimReference, path: string, errors: FieldError[]): void {
  if (name === '') errors.push(required(`${path}.name`, 'must specify the name of the network'));
  else for (const problem of subdomainProblems(name)) errors.push(invalid(`${path}.name`, name, problem));
  if (namespace === '') return;
  for (const problem of subdomainProblems(namespace)) errors.push(invalid(`${path}.namespace`, namespace, problem));
}
