/**
 * Each process of `weft up --processes` is killed while the two-tier application is applied, and again while it is deleted: it comes to the status that the README
 * shows, and goes, as without that (DESIGN 8).
 */
import { readFileSync } from 'node:fs';
import { freePort } from '@weft/bus';
import { OWNING_SERVICES, weftDomains } from '@weft/service';
import { until } from '@weft/testing/waiting';
import { parseAllDocuments } from 'yaml';
import { type ApiObject, call, idempotent } from './api.ts';
import { withProcesses } from './processes.ts';
import { findChild, startProcesses } from './supervised.ts';

const WITHIN_MS = 120_000;
/** In the order in which they are killed. */
const VICTIMS = [...OWNING_SERVICES, 'dataplane-agent', 'gateway'];

type Manifest = Readonly<{ kind: string; metadata: { name: string } }>;
const FILE = new URL('../../../../demo/two-tier.yaml', import.meta.url);
const manifests = parseAllDocuments(readFileSync(FILE, 'utf8').replaceAll('<host>', 'here')).map((each) => each.toJS() as Manifest);
const kinds = new Map(weftDomains.flatMap((domain) => domain.kinds).map((module) => [module.kind, module]));

function pathOf(kind: string, name?: string): string {
  const { group, version, plural } = kinds.get(kind)!;
  return `/apis/${group}/${version}/namespaces/default/${plural}${name === undefined ? '' : `/${name}`}`;
}

describe('weft up --processes, whose processes are killed one after the other', () => {
  it(
    'brings the two-tier application to its status, and takes it away again',
    withProcesses(280_000, async (workspace) => {
      const url = `http://127.0.0.1:${await freePort()}`;
      const started = await startProcesses(workspace, url);
      const killed: string[] = [];
      /** Kills the next process that runs. Nothing waits for it to be back. */
      const killNext = async () => {
        const victim = VICTIMS[killed.length % VICTIMS.length] as string;
        const pid = await until(`${victim} to run`, () => findChild(started, victim), WITHIN_MS);
        process.kill(pid, 'SIGKILL');
        killed.push(victim);
      };
      /** Until it is answered: a client sends the same again when it does not know. */
      const untilAnswered = (key: string, method: string, path: string, codes: readonly number[], body?: unknown) =>
        until(
          `${method} ${path}`,
          async () => {
            const answer = await call(url, method, path, body, idempotent(key)).catch(() => undefined);
            const isFinal = answer !== undefined && answer.code < 500 && answer.code !== 429;
            if (isFinal && !codes.includes(answer.code)) throw new Error(`${method} ${path}: ${answer.code} ${answer.text}`);
            return answer !== undefined && codes.includes(answer.code);
          },
          WITHIN_MS,
        );
      const get = async (kind: string, name: string): Promise<ApiObject | undefined> => {
        const answer = await call(url, 'GET', pathOf(kind, name)).catch(() => undefined);
        return answer?.code === 200 ? (answer.json as unknown as ApiObject) : undefined;
      };
      const status = async (kind: string, name: string) => (await get(kind, name))?.status ?? {};

      for (const [at, manifest] of manifests.entries()) {
        // Killed while a request is under way.
        const killing = at % 2 === 0 ? killNext() : undefined;
        await untilAnswered(`create ${at}`, 'POST', pathOf(manifest.kind), [201], manifest);
        await killing;
      }
      expect(new Set(killed)).toEqual(new Set(VICTIMS));

      const settled = (what: string, condition: () => Promise<boolean>) => until(what, condition, WITHIN_MS);
      for (const name of ['web-1', 'web-2', 'db', 'admin']) {
        await settled(`${name} to be Available`, async () => (await status('NetworkInterface', name))['state'] === 'Available');
      }
      for (const name of ['shop', 'backup']) {
        await settled(`${name} to be bound`, async () => {
          const [peering] = ((await status('Network', name))['peerings'] ?? []) as { phase?: string }[];
          return peering?.phase === 'Bound';
        });
      }
      await settled('the balancer to have its address and both targets', async () => {
        const routing = (await get('LoadBalancerRouting', 'web')) as unknown as { destinations?: readonly { ip: string }[] } | undefined;
        const ips = (routing?.destinations ?? []).map(({ ip }) => ip).sort();
        return ((await status('LoadBalancer', 'web'))['ips'] as string[] | undefined)?.length === 1 && ips.join() === '10.0.1.1,10.0.1.2';
      });
      await settled('the policy to have its target', async () => {
        const rule = (await get('NetworkPolicyRule', 'db')) as unknown as { targets?: readonly { ip: string }[] } | undefined;
        return rule?.targets?.map(({ ip }) => ip).join() === '10.0.2.1';
      });
      await settled(
        'the gateway to have an address',
        async () => ((await status('NATGateway', 'way-out'))['ips'] as unknown[] | undefined)?.length === 1,
      );
      await settled('the interface to show its VirtualIP', async () => {
        const { ip } = (await status('VirtualIP', 'admin')) as { ip?: string };
        return ip !== undefined && (await status('NetworkInterface', 'admin'))['virtualIP'] === ip;
      });

      killed.length = 0;
      for (const [at, { kind, metadata }] of [...manifests].reverse().entries()) {
        const killing = at % 2 === 0 ? killNext() : undefined;
        await untilAnswered(`delete ${at}`, 'DELETE', pathOf(kind, metadata.name), [200, 202, 404]);
        await killing;
      }
      for (const { kind, metadata } of manifests) {
        let last = '';
        await until(
          () => `${kind} ${metadata.name} to be gone; the last answer was ${last}`,
          async () => {
            const { code, text } = await call(url, 'GET', pathOf(kind, metadata.name));
            last = text;
            return code === 404;
          },
          WITHIN_MS,
        );
      }
    }),
    300_000,
  );
});
