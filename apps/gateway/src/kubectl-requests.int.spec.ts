/**
 * Requests of real kubectls, as they were captured, replayed one by one: same code, reason and message. Each finds the world that its answer
 * speaks of, under names of its own.
 */
import { readFileSync } from 'node:fs';
import type { DomainModule, JsonObject, KindModule } from '@weft/api';
import { weftDomains } from '@weft/service';
import { call, openWatch } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

type Captured = Readonly<{
  command: string;
  request: string;
  accept?: string;
  type?: string;
  body?: JsonObject | JsonObject[];
  code: number;
  reason?: string;
  message?: string;
}>;
const { accept, type, requests } = JSON.parse(
  readFileSync(new URL('./testing/fixtures/kubectl-requests.json', import.meta.url), 'utf8'),
) as {
  accept: Record<string, string>;
  type: Record<string, string>;
  requests: readonly Captured[];
};

/** The captures write `spec.providerID` as they like; the rule against that is no matter of protocol. No loop changes anything. */
const domains: DomainModule[] = weftDomains.map((domain) => ({
  ...domain,
  kinds: domain.kinds.map((kind): KindModule => (kind.kind === 'Network' ? { ...kind, rules: () => [] } : kind)),
  loops: [],
  loopsOverKinds: () => [],
}));

const NAMES = /\b(k-net-a|net-typo|net-[a-z]|x\d|a\d|w1|l\d|peer|team|nsa|nope)\b|gen-<5>/g;
const networks = '/apis/networking.ironcore.dev/v1alpha1/namespaces/default/networks';

/** What differs on purpose. */
function deviation({ request, body }: Captured): number | 'not asked for' | undefined {
  if (request.includes('/status?') && request.startsWith('PATCH')) return 'not asked for'; // Status is written by its owner only.
  if (JSON.stringify(body ?? '').includes('"name":true')) return 400; // The captured server did not look at types.
  return undefined;
}

/** The captured server put the conflicts with one manager on one line, Kubernetes gives each a line of its own. */
function inLines(message: string | undefined): string | undefined {
  const [, head, manager, conflicts] =
    /^(Apply failed with \d+ conflicts: conflicts with )(".*?" using \S+): (.*)$/.exec(message ?? '') ?? [];
  if (head === undefined || manager === undefined || conflicts === undefined) return message;
  return `${head}${manager}:\n- ${conflicts.split(`; ${manager}: `).join('\n- ')}`;
}

/** Of a strategic merge patch, Weft adds what to do in its place. */
const withoutAdvice = (message: unknown) =>
  typeof message === 'string' ? message.replace(/; \S+ take no strategic merge patch: .*$/, '') : message;

describe('A request that kubectl was seen to make', () => {
  let system: System;
  const request = (method: string, path: string, body?: unknown, headers?: Record<string, string>) =>
    call(system.url, method, path, body, headers);

  beforeAll(async () => {
    system = await startSystem({ domains });
    for (const name of ['one', 'two', 'three']) await request('POST', networks, { metadata: { name } });
  });
  afterAll(async () => {
    expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
    await system.stop();
  });

  /** Makes what the answer presupposes; returns the values of the placeholders. */
  async function prepare(
    { code, body, type: typeName }: Captured,
    method: string,
    path: string,
  ): Promise<{ version: string; uid: string }> {
    const [, collection, name] = /^(\/api\/v1\/namespaces|.*\/networks)\/([^/]+)(?:\/status)?$/.exec(path) ?? [];
    const bodyName = (body as { metadata?: { name?: string } } | undefined)?.metadata?.name;
    let object: JsonObject | undefined;
    if (collection !== undefined && code !== 404 && name !== 'default') {
      const patch = Array.isArray(body) ? body.find((each) => each['op'] === 'test' && code === 200) : undefined;
      const spec: JsonObject = patch === undefined ? {} : { spec: { providerID: patch['value'] as string } };
      const isApplied = typeName === 'apply' && code === 409;
      const others: JsonObject = isApplied
        ? { metadata: { name: name as string, labels: { tier: 'other' } }, spec: { providerID: 'p-0' } }
        : {};
      const made = { metadata: { name: name as string }, ...spec, ...others };
      object = (await request('POST', `${collection}?fieldManager=kubectl-client-side-apply`, made)).json;
    } else if (method === 'POST' && code === 409) {
      object = (await request('POST', path, { metadata: { name: bodyName as string } })).json;
    }
    const list = await request('GET', networks);
    const { resourceVersion, uid } = (object ?? list.json)['metadata'] as { resourceVersion: string; uid?: string };
    return { version: resourceVersion, uid: uid ?? 'none' };
  }

  it.each(requests.map((each, index) => [each.request, each.command, each.code, index] as const))(
    '%s (%s) is answered with %d',
    async (_request, _command, _code, index) => {
      const captured = JSON.parse(
        JSON.stringify(requests[index]).replace(NAMES, (name) => `${name.replace('<5>', 'abcde')}-${index}`),
      ) as Captured;
      const deviant = deviation(captured);
      if (deviant === 'not asked for') return;
      const [method, target] = captured.request.split(/ (.*)/) as [string, string];
      const [path, question = ''] = target.split('?') as [string, string?];
      const { version, uid } = await prepare(captured, method, path);
      const token = question.includes('<token>')
        ? ((await request('GET', `${networks}?limit=2`)).json['metadata'] as { continue: string }).continue
        : '';
      const fill = (text: string) =>
        text
          .replaceAll('<rv>', version)
          .replaceAll('<uid>', uid)
          .replaceAll('<token>', token)
          .replaceAll('<time>', '2026-01-02T03:04:05Z')
          .replaceAll('<5..10 min>', '300')
          .replace('hash=A', 'hash=');
      const pairs = fill(question)
        .split('&')
        .filter((each) => each !== '');
      const query = pairs.map((each) => each.replace(/=(.*)$/, (_all, value: string) => `=${encodeURIComponent(value)}`)).join('&');
      const url = query === '' ? path : `${path}?${query}`;
      const headers = {
        ...(captured.accept === undefined ? {} : { accept: accept[captured.accept] as string }),
        ...(captured.type === undefined ? {} : { 'content-type': type[captured.type] as string }),
      };
      if (question.includes('watch=true')) {
        const watch = await openWatch(system.url, url, headers);
        watch.close();
        return;
      }
      const body = captured.body === undefined ? undefined : Buffer.from(fill(JSON.stringify(captured.body)));
      const answer = await request(method, url, body, headers);
      const expected = {
        code: deviant ?? captured.code,
        ...(deviant === undefined && captured.reason && { reason: captured.reason, message: inLines(captured.message) }),
      };
      const got = {
        code: answer.code,
        ...(deviant === undefined && captured.reason && { reason: answer.json['reason'], message: withoutAdvice(answer.json['message']) }),
      };
      if (answer.code !== expected.code) throw new Error(`${expected.code} expected: ${answer.text}`);
      expect(got).toEqual(expected);
      if (answer.code >= 400) expect(answer.json).toMatchObject({ kind: 'Status', apiVersion: 'v1', status: 'Failure', code: answer.code });
    },
  );
});
