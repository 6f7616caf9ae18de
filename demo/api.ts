/** The demo's way to the API: plain HTTP, as any client's. */
import { readFileSync } from 'node:fs';
import { parseAllDocuments } from 'yaml';
import { type LabState, save } from './lab.ts';
import { say } from './progress.ts';
import { goOn } from './sh.ts';

export type Manifest = { apiVersion: string; kind: string; metadata: { name: string; namespace?: string }; spec?: Record<string, unknown> };

const NETWORKING = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default';
export const NICS = `${NETWORKING}/networkinterfaces`;
export const NETWORKS = `${NETWORKING}/networks`;
export const POLICIES = `${NETWORKING}/networkpolicies`;
export const BALANCERS = `${NETWORKING}/loadbalancers`;
export const GATEWAYS = `${NETWORKING}/natgateways`;
export const VIRTUAL_IPS = `${NETWORKING}/virtualips`;
export const MACHINES = '/apis/compute.ironcore.dev/v1alpha1/namespaces/default/machines';
export const HOSTS = '/apis/fabric.weft.dev/v1alpha1/hosts';

const collections: Record<string, string> = {
  Network: NETWORKS,
  NetworkInterface: NICS,
  NetworkPolicy: POLICIES,
  LoadBalancer: BALANCERS,
  NATGateway: GATEWAYS,
  VirtualIP: VIRTUAL_IPS,
  Machine: MACHINES,
};

/** Throws what the server answers when it refuses. */
export async function call<T>(http: string, method: string, path: string, body?: unknown): Promise<T> {
  goOn();
  const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
  const response = await fetch(`${http}${path}`, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': type }, body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as T & { message?: string };
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer.message ?? ''}`);
  return answer;
}

export function manifestsOf(file: string): Manifest[] {
  return parseAllDocuments(readFileSync(file, 'utf8')).map((document) => document.toJS() as Manifest);
}

/** Creates one object. The namespace of an interface's guest is among what is removed later. */
export async function create(http: string, state: LabState, manifest: Manifest, from: string): Promise<void> {
  const path = collections[manifest.kind];
  if (path === undefined) throw new Error(`${from}: the demo applies no ${manifest.kind}`);
  const sent = performance.now();
  const created = await call<{ metadata: { uid: string } }>(http, 'POST', path, manifest);
  if (manifest.kind === 'NetworkInterface') {
    state.namespaces.push(guestNamespace(created.metadata.uid));
    save(state);
  }
  say(`  ${`${manifest.kind} ${manifest.metadata.name}`.padEnd(42)} created   ${(performance.now() - sent).toFixed(1)} ms   ${from}`);
}

export function guestNamespace(uid: string): string {
  return `weftguest-${uid.replaceAll('-', '').slice(0, 12)}`;
}
