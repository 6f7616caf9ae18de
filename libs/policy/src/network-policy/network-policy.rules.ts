/**
 * Rules of a NetworkPolicy (resources 2.7 K-1 to K-16, K-U1).
 *
 * Stricter than upstream, as recommended there: a peer must say what it is (upstream takes `{}` and then knows nothing to do with it), and a range of
 * ports ends at 65535 at the latest.
 */
import {
  type ApiObject,
  duplicate,
  type FieldError,
  forbidden,
  holdsRange,
  immutable,
  invalid,
  labelSelectorErrors,
  notSupported,
  parsePrefix,
  rangeOf,
  required,
  specOf,
  subdomainProblems,
} from '@weft/api';
import {
  type IpBlock,
  isPolicyType,
  type NetworkPolicyPeer,
  type NetworkPolicyPort,
  type ObjectSelectorModel,
  PEER_KINDS,
  POLICY_TYPES,
  PROTOCOLS,
} from './network-policy.model.ts';
import type { NetworkPolicyTypes } from './network-policy.types.ts';
import { STAGED_ANNOTATION, STAGED_VALUES } from './staged.ts';

const PORT_MAX = 65_535;

export function networkPolicyRules(object: ApiObject<NetworkPolicyTypes>, old?: ApiObject<NetworkPolicyTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const { networkRef, networkInterfaceSelector, ingress = [], egress = [], policyTypes = [] } = specOf(object);
  const network = networkRef?.name ?? '';
  if (old !== undefined && (specOf(old).networkRef?.name ?? '') !== network) {
    errors.push(immutable('spec.networkRef', specOf(old).networkRef, networkRef));
  }
  if (network === '') errors.push(required('spec.networkRef', 'must specify a network'));
  else for (const problem of subdomainProblems(network)) errors.push(invalid('spec.networkRef.name', network, problem));
  if (networkInterfaceSelector !== undefined) labelSelectorErrors(networkInterfaceSelector, 'spec.networkInterfaceSelector', errors);
  ingress.forEach(({ from, ports }, i) => {
    ruleErrors(from, ports, `spec.ingress[${i}]`, 'from', errors);
  });
  egress.forEach(({ to, ports }, i) => {
    ruleErrors(to, ports, `spec.egress[${i}]`, 'to', errors);
  });
  policyTypesErrors(policyTypes, errors);
  const staged = object.metadata.annotations?.[STAGED_ANNOTATION];
  if (staged !== undefined && !isOneOf(STAGED_VALUES, staged))
    errors.push(notSupported(`metadata.annotations[${STAGED_ANNOTATION}]`, staged, STAGED_VALUES));
  return errors;
}

function ruleErrors(
  peers: readonly NetworkPolicyPeer[] = [],
  ports: readonly NetworkPolicyPort[] = [],
  path: string,
  side: 'from' | 'to',
  errors: FieldError[],
): void {
  peers.forEach((peer, j) => {
    peerErrors(peer, `${path}.${side}[${j}]`, errors);
  });
  ports.forEach((port, k) => {
    portErrors(port, `${path}.ports[${k}]`, errors);
  });
}

function peerErrors(peer: NetworkPolicyPeer, path: string, errors: FieldError[]): void {
  const { objectSelector, ipBlock } = peer;
  if (objectSelector !== undefined) {
    objectSelectorErrors(objectSelector, `${path}.objectSelector`, errors);
    if (ipBlock !== undefined) errors.push(forbidden(`${path}.ipBlock`, 'cannot be specified together with objectSelector'));
  } else if (ipBlock !== undefined) ipBlockErrors(ipBlock, `${path}.ipBlock`, errors);
  else errors.push(invalid(path, peer, 'must specify one of objectSelector and ipBlock'));
}

function objectSelectorErrors(selector: ObjectSelectorModel, path: string, errors: FieldError[]): void {
  const { kind = '' } = selector;
  if (kind === '') errors.push(required(`${path}.kind`, 'must specify a kind'));
  else if (!isOneOf(PEER_KINDS, kind)) errors.push(notSupported(`${path}.kind`, kind, PEER_KINDS));
  labelSelectorErrors(selector, path, errors);
}

function ipBlockErrors({ cidr = '', except = [] }: IpBlock, path: string, errors: FieldError[]): void {
  const range = parsePrefix(cidr);
  if (range === undefined) errors.push(invalid(`${path}.cidr`, cidr, 'must be a prefix'));
  except.forEach((text, k) => {
    const excluded = parsePrefix(text);
    if (excluded === undefined) errors.push(invalid(`${path}.except[${k}]`, text, 'must be a prefix'));
    else if (range !== undefined && !holdsRange(rangeOf(range), rangeOf(excluded))) {
      errors.push(forbidden(`${path}.except[${k}]`, `${text} does not lie inside ${cidr}`));
    }
  });
}

function portErrors({ protocol, port = 0, endPort }: NetworkPolicyPort, path: string, errors: FieldError[]): void {
  if (port !== 0 && (port < 1 || port > PORT_MAX)) errors.push(invalid(`${path}.port`, port, `must be between 1 and ${PORT_MAX}`));
  if (endPort !== undefined) {
    if (port === 0) errors.push(forbidden(`${path}.endPort`, 'cannot be specified without port'));
    else if (endPort < port) errors.push(forbidden(`${path}.endPort`, 'must not be less than port'));
    else if (endPort > PORT_MAX) errors.push(invalid(`${path}.endPort`, endPort, `must not be greater than ${PORT_MAX}`));
  }
  if (protocol === '') errors.push(required(`${path}.protocol`, 'must specify a protocol'));
  else if (protocol !== undefined && !isOneOf(PROTOCOLS, protocol)) errors.push(notSupported(`${path}.protocol`, protocol, PROTOCOLS));
}

function policyTypesErrors(types: readonly string[], errors: FieldError[]): void {
  if (types.length === 0) errors.push(required('spec.policyTypes', 'must specify at least one direction'));
  const seen = new Set<string>();
  types.forEach((type, i) => {
    const path = `spec.policyTypes[${i}]`;
    if (seen.has(type)) errors.push(duplicate(path, type));
    else if (type === '') errors.push(required(path, 'must specify a direction'));
    else if (!isPolicyType(type)) errors.push(notSupported(path, type, POLICY_TYPES));
    seen.add(type);
  });
}

const isOneOf = (values: readonly string[], value: string): boolean => values.includes(value);
