/** That the load of `npm run test:faults` notices what it is there for, against an API that lies. */
import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { randomOf } from '@weft/testing';
import { until } from '@weft/testing/waiting';
import { Load } from './load.ts';

type Item = { metadata: { name: string; uid: string; labels?: Record<string, string> } };
type Lie = 'none' | 'forgets' | 'replaces' | 'keepsLabels' | 'restores' | 'invents' | 'refuses' | 'wasAway';

/** Interfaces in memory; answers of the first time are given again under their key. */
class LyingApi {
  lie: Lie = 'none';
  readonly #server: Server;
  readonly #items = new Map<string, Item>();
  readonly #answers = new Map<string, readonly [number, unknown]>();
  #requests = 0;

  constructor() {
    this.#server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = chunks.length === 0 ? undefined : JSON.parse(Buffer.concat(chunks).toString());
        const [code, said] = this.#answer(request.method ?? '', request.url ?? '', request.headers['idempotency-key'] as string, body);
        response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(said));
      });
    });
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as { port: number }).port}`;
  }

  stop(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #answer(method: string, path: string, key: string, body: Item | undefined): readonly [number, unknown] {
    if (method === 'GET') return [200, this.#list(path)];
    const known = this.#answers.get(key);
    if (known !== undefined) return known;
    const answer = this.#carryOut(method, path, body);
    this.#answers.set(key, answer);
    // Done, and said later.
    return this.lie === 'wasAway' && ++this.#requests % 3 === 0 ? [503, { kind: 'Status' }] : answer;
  }

  #carryOut(method: string, path: string, body: Item | undefined): readonly [number, unknown] {
    if (!path.includes('/networkinterfaces')) return [201, {}];
    if (this.lie === 'refuses' && ++this.#requests % 10 === 0) return [500, { message: 'a bug' }];
    if (method === 'POST') {
      const { name } = (body as Item).metadata;
      const item = { metadata: { name, uid: randomUUID() } };
      const isLie = ++this.#requests % 10 === 0;
      if (!(isLie && this.lie === 'forgets')) this.#items.set(`${path}/${name}`, item);
      if (isLie && this.lie === 'replaces') return [201, { metadata: { name, uid: randomUUID() } }];
      if (isLie && this.lie === 'invents') this.#items.set(`${path}/x-${name}`, { metadata: { name: `x-${name}`, uid: randomUUID() } });
      return [201, item];
    }
    if (method === 'DELETE') {
      if (this.lie !== 'restores') this.#items.delete(path);
      return [200, {}];
    }
    const item = this.#items.get(path);
    if (item !== undefined && this.lie !== 'keepsLabels') item.metadata.labels = (body as Item).metadata.labels ?? {};
    return [200, item ?? {}];
  }

  #list(path: string): unknown {
    const items = [...this.#items].filter(([at]) => at.startsWith(`${path}/`)).map(([, item]) => item);
    return { metadata: { resourceVersion: '1' }, items };
  }
}

describe('The load of the fault tests', () => {
  let api: LyingApi;
  beforeEach(() => {
    api = new LyingApi();
  });
  afterEach(() => api.stop());

  async function loadOn(lie: Lie): Promise<Load> {
    api.lie = lie;
    const load = new Load(await api.start(), 'here', randomOf(3));
    await load.begin();
    await until('many requests to be acknowledged', () => load.counts.acknowledged > 600);
    await load.end();
    return load;
  }

  it.each(['none', 'wasAway'] as const)('finds nothing wrong with an API that keeps what it says (%s)', async (lie) => {
    const load = await loadOn(lie);
    expect([await load.differences(), load.unexpected]).toEqual([[], []]);
    expect(load.counts.repeated > 0).toBe(lie === 'wasAway');
  });

  it.each([
    ['forgets', 'acknowledged, and missing'],
    ['replaces', 'is another object'],
    ['keepsLabels', 'labelled undefined'],
    ['restores', 'deleted, and there again'],
    ['invents', 'never acknowledged, and there'],
  ] as const)('notices an API that %s: %s', async (lie, difference) => {
    const load = await loadOn(lie);
    expect(await load.differences()).toContainEqual(expect.stringContaining(difference));
  });

  it('notices an answer that no client should get', async () => {
    const { unexpected } = await loadOn('refuses');
    expect(unexpected).toContainEqual(expect.stringContaining('500'));
  });
});
