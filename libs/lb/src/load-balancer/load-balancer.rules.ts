/**
 * Rules of a LoadBalancer (resources 2.5 L-1 to L-11, L-U1; 5 S-15). Other than upstream, which compares a port with earlier ones only, each port is checked
 * once (2.5 (R)).
 */
import {
  type ApiObject,
  duplicate,
  type FieldError,
  forbidden,
  immutable,
  invalid,
  ipFamiliesErrors,
  ipSourceErrors,
  labelProblems,
  labelSelectorErrors,
  notSupported,
  required,
  specOf,
  subdomainProblems,
} from '@weft/api';
import { HEALTH_CHECK_ANNOTATION, healthCheckOf } from './health-check.ts';
import {
  LOAD_BALANCER_PROTOCOLS,
  LOAD_BALANCER_TYPES,
  type LoadBalancerPort,
  type LoadBalancerSpec,
  type LoadBalancerVirtualIp,
} from './load-balancer.model.ts';
import type { LoadBalancerTypes } from './load-balancer.types.ts';

const PORT_MAX = 65_535;

export function loadBalancerRules(object: ApiObject<LoadBalancerTypes>, old?: ApiObject<LoadBalancerTypes>): FieldError[] {
  const errors: FieldError[] = [];
  const spec = specOf(object);
  if (old !== undefined) {
    const before = specOf(old).networkRef;
    if (before?.name !== spec.networkRef?.name) errors.push(immutable('spec.networkRef', before, spec.networkRef));
  }
  typeErrors(spec, errors);
  const families = spec.ipFamilies ?? [];
  ipFamiliesErrors(families, 'spec', errors);
  for (const [i, source] of (spec.ips ?? []).entries()) ipSourceErrors(source, i, families[i] ?? '', object.metadata.name, 'spec', errors);
  if (spec.virtualIPs !== undefined) virtualIpsErrors(spec.virtualIPs, spec, errors);
  const network = spec.networkRef?.name ?? '';
  for (const problem of subdomainProblems(network)) errors.push(invalid('spec.networkRef.name', network, problem));
  if (spec.networkInterfaceSelector !== undefined)
    labelSelectorErrors(spec.networkInterfaceSelector, 'spec.networkInterfaceSelector', errors);
  portsErrors(spec.ports ?? [], errors);
  const check = healthCheckOf(object);
  if (typeof check === 'string')
    errors.push(
      invalid(`metadata.annotations[${HEALTH_CHECK_ANNOTATION}]`, object.metadata.annotations?.[HEALTH_CHECK_ANNOTATION] ?? '', check),
    );
  return errors;
}

function typeErrors({ type = '' }: LoadBalancerSpec, errors: FieldError[]): void {
  if (type === '') errors.push(required('spec.type', 'must specify type'));
  else if (!LOAD_BALANCER_TYPES.some((known) => known === type))
    errors.push(notSupported('spec.type', type, [...LOAD_BALANCER_TYPES].sort()));
}

function virtualIpsErrors(
  items: readonly LoadBalancerVirtualIp[],
  { type, ipFamilies = [] }: LoadBalancerSpec,
  errors: FieldError[],
): void {
  if (type !== 'Public' && items.length > 0) errors.push(forbidden('spec.virtualIPs', 'only a Public load balancer may have them'));
  if (items.length > ipFamilies.length) errors.push(forbidden('spec.virtualIPs', 'at most one for each of ipFamilies'));
  const seen = new Set<string>();
  items.forEach(({ virtualIPRef }, i) => {
    const name = virtualIPRef?.name ?? '';
    const path = `spec.virtualIPs[${i}].virtualIPRef.name`;
    for (const problem of labelProblems(name)) errors.push(invalid(path, name, problem));
    if (seen.has(name)) errors.push(duplicate(path, name));
    seen.add(name);
  });
}

function portsErrors(ports: readonly LoadBalancerPort[], errors: FieldError[]): void {
  ports.forEach((each, i) => {
    for (const earlier of ports.slice(0, i)) {
      if (overlap(earlier, each)) errors.push(forbidden(`spec.ports[${i}]`, `overlaps with ${portText(earlier)}`));
    }
    portErrors(each, `spec.ports[${i}]`, errors);
  });
}

function portErrors({ protocol, port = 0, endPort }: LoadBalancerPort, path: string, errors: FieldError[]): void {
  if (protocol === '') errors.push(required(`${path}.protocol`, 'must specify protocol'));
  else if (protocol !== undefined && !LOAD_BALANCER_PROTOCOLS.some((known) => known === protocol)) {
    errors.push(notSupported(`${path}.protocol`, protocol, [...LOAD_BALANCER_PROTOCOLS].sort()));
  }
  if (!isPort(port)) errors.push(invalid(`${path}.port`, port, `must be between 1 and ${PORT_MAX}`));
  if (endPort === undefined) return;
  if (!isPort(endPort)) errors.push(invalid(`${path}.endPort`, endPort, `must be between 1 and ${PORT_MAX}`));
  if (endPort < port) errors.push(forbidden(`${path}.endPort`, 'must not be less than port'));
}

function isPort(port: number): boolean {
  return port >= 1 && port <= PORT_MAX;
}

function overlap(a: LoadBalancerPort, b: LoadBalancerPort): boolean {
  if ((a.protocol ?? 'TCP') !== (b.protocol ?? 'TCP')) return false;
  const [firstA = 0, firstB = 0] = [a.port, b.port];
  return firstA <= (b.endPort ?? firstB) && firstB <= (a.endPort ?? firstA);
}

function portText({ protocol = 'TCP', port, endPort }: LoadBalancerPort): string {
  return `${protocol} ${port}${endPort === undefined ? '' : `-${endPort}`}`;
}
