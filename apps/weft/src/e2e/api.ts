/** The HTTP API as the tests speak it. */
import { request } from 'node:http';

export type Meta = Readonly<{ name: string; uid: string; resourceVersion: string }>;
export type ApiObject = Readonly<{ metadata: Meta; spec: Record<string, unknown>; status?: Record<string, unknown> }>;
export type Answer = Readonly<{ code: number; json: Record<string, unknown>; text: string; ms: number }>;

export const NETWORKS = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networks';
export const NICS = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networkinterfaces';
export const POLICIES = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networkpolicies';
export const MACHINES = '/apis/compute.ironcore.dev/v1alpha1/namespaces/default/machines';
export const HOSTS = '/apis/fabric.weft.dev/v1alpha1/hosts';

/** One request on a connection of its own: a killed server leaves no half-dead connection to a later request. Rejects when there is no answer. */
export function call(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const started = performance.now();
  const bytes =
    body === undefined ? undefined : Buffer.isBuffer(body) ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  const given = {
    ...(bytes === undefined ? {} : { 'content-type': 'application/json', 'content-length': String(bytes.length) }),
    ...headers,
  };
  return new Promise((resolve, reject) => {
    const sent = request(url + path, { method, headers: given, agent: false, timeout: 15_000 }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () => {
        const text = Buffer.concat(chunks).toString();
        const isJson = response.headers['content-type']?.startsWith('application/json') === true;
        resolve({ code: response.statusCode ?? 0, text, json: isJson ? JSON.parse(text) : {}, ms: performance.now() - started });
      });
    });
    sent.once('error', reject);
    sent.once('timeout', () => sent.destroy(new Error(`${method} ${path}: no answer within 15 s`)));
    sent.end(bytes);
  });
}

/** As `call`, for what must succeed. */
export async function must<T>(
  url: string,
  method: string,
  path: string,
  body?: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<T> {
  const { code, json, text } = await call(url, method, path, body, headers);
  if (code < 200 || code > 299) throw new Error(`${method} ${path}: ${code} ${text}`);
  return json as T;
}

export async function list(url: string, path: string): Promise<Readonly<{ resourceVersion: string; items: readonly ApiObject[] }>> {
  const { metadata, items } = await must<{ metadata: { resourceVersion: string }; items: ApiObject[] }>(url, 'GET', path);
  return { resourceVersion: metadata.resourceVersion, items };
}

export const network = (name: string) => ({ apiVersion: 'networking.ironcore.dev/v1alpha1', kind: 'Network', metadata: { name } });

export const nic = (name: string, networkName: string, ...ips: readonly string[]) => ({
  apiVersion: 'networking.ironcore.dev/v1alpha1',
  kind: 'NetworkInterface',
  metadata: { name },
  spec: {
    networkRef: { name: networkName },
    ipFamilies: ips.map((ip) => (ip.includes(':') ? 'IPv6' : 'IPv4')),
    ips: ips.map((value) => ({ value })),
  },
});

/** A Machine that places one NIC on a host. */
export const machine = (name: string, host: string, nicName: string) => ({
  apiVersion: 'compute.ironcore.dev/v1alpha1',
  kind: 'Machine',
  metadata: { name },
  spec: {
    machineClassRef: { name: 'small' },
    machinePoolRef: { name: host },
    networkInterfaces: [{ name: 'primary', networkInterfaceRef: { name: nicName } }],
  },
});

export const idempotent = (key: string) => ({ 'idempotency-key': key });

export function stateOf(object: ApiObject): unknown {
  return object.status?.['state'];
}

export async function isReady(url: string): Promise<boolean> {
  return (await call(url, 'GET', '/readyz')).code === 200;
}
