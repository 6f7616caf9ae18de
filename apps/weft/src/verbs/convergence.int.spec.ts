/** `weft convergence` and `weft wait`, with two hosts whose agents program simulated kernels. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { until } from '@weft/testing/waiting';
import { type Fabric, NETWORKING, startFabric } from '../testing/fabric.ts';
import type { Convergence } from './convergence.ts';

const COMPUTE = '/apis/compute.ironcore.dev/v1alpha1/namespaces/default';

type Span = Readonly<{
  traceId: string;
  spanId: string;
  parentSpanId?: string;
  name: string;
  startTimeUnixNano: string;
  endTimeUnixNano: string;
  attributes: readonly Readonly<{ key: string; value: { stringValue: string } }>[];
}>;
type Agents = Readonly<Record<'a' | 'b' | 'c', Awaited<ReturnType<Fabric['startAgent']>>>>;

describe('weft convergence', () => {
  let fabric: Fabric;
  let agents: Agents;
  let collector: Server;
  const spans: Span[] = [];
  const place = async (name: string, host: string, network: string, ip: string): Promise<void> => {
    const spec = { networkRef: { name: network }, ipFamilies: ['IPv4'], ips: [{ value: ip }] };
    await fabric.create(`${NETWORKING}/networkinterfaces`, { metadata: { name }, spec });
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name } }];
    await fabric.create(`${COMPUTE}/machines`, { metadata: { name }, spec: { machinePoolRef: { name: host }, networkInterfaces } });
  };
  const told = async (...words: string[]): Promise<Convergence & { code: number }> => {
    const { code, said, complained } = await fabric.weft(...words, '-o', 'json');
    expect(complained).toBe('');
    return { ...(JSON.parse(said) as Convergence), code };
  };
  const named = ({ hostList }: Convergence) => hostList.map(({ name, state }) => `${name} ${state}`).sort();

  beforeAll(async () => {
    collector = createServer((request, response) => {
      let body = '';
      request.on('data', (piece) => (body += piece));
      request.on('end', () => {
        const { resourceSpans } = JSON.parse(body) as { resourceSpans: { scopeSpans: { spans: Span[] }[] }[] };
        for (const { scopeSpans } of resourceSpans) for (const each of scopeSpans) spans.push(...each.spans);
        response.end('{}');
      });
    }).listen(0, '127.0.0.1');
    await once(collector, 'listening');
    const { port } = collector.address() as AddressInfo;
    fabric = await startFabric([], { otlp: { url: `http://127.0.0.1:${port}/v1/traces`, headers: {}, service: 'weft' } });
    agents = {
      a: await fabric.startAgent('a', 'fd00::1'),
      b: await fabric.startAgent('b', 'fd00::2'),
      c: await fabric.startAgent('c', 'fd00::3'),
    };
    for (const host of ['a', 'b', 'c']) expect((await fabric.weft('wait', `host/${host}`)).code).toBe(0);
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'net' } });
    await place('web', 'a', 'net', '10.0.0.1');
    await place('db', 'b', 'net', '10.0.0.9');
  });
  afterAll(async () => {
    await fabric.stop();
    collector.close();
  });

  it('waits until a placement, with all that follows from it, is in the kernels of the hosts that have a part in it', async () => {
    const { code, ...found } = await told('wait', 'machine/default/db');
    expect([code, found.state, found.converged]).toEqual([0, 'applied', true]);
    expect(named(found)).toEqual(['a applied', 'b applied']);
    expect(agents.b.kernel.objects.size).toBeGreaterThan(0);
    const links = [...agents.b.kernel.objects.values()].filter((object) => object.kind === 'port' && object.up);
    expect(links).toHaveLength(1);
    const { accepted, appended, appendedLast, derived, delivered, compiled, applied } = found.stages;
    for (const inOrder of [
      [accepted, appended, appendedLast],
      [appended, derived],
      // Not told where a heartbeat said it first.
      [delivered, compiled, applied].filter((time) => time !== undefined),
    ]) {
      const times = inOrder.map((time) => Date.parse(time as string));
      expect(times).toEqual([...times].sort((x, y) => x - y));
    }
    expect(Date.parse(applied as string)).toBeGreaterThanOrEqual(Date.parse(appended));
    expect(found.change).toMatchObject({ command: 'create', resource: { kind: 'Machine', namespace: 'default', name: 'db' } });
  });

  it('says the same of a position and of a correlation, in sentences, too', async () => {
    const { change, correlationId } = await told('convergence', 'machine/default/db');
    expect((await told('convergence', change.position)).correlationId).toBe(correlationId);
    expect((await told('convergence', correlationId)).change.position).toBe(change.position);
    const { code, said } = await fabric.weft('convergence', change.position);
    expect(code).toBe(0);
    expect(said).toMatch(/^Machine default\/db: create by system:anonymous, position \d+: all 2 hosts that it concerns have it\n/);
    expect(said).toMatch(/ {2}accepted 20\S+, appended \+\d+ ms, \d+ appends until \d+ \+\d+ ms, derived \+\d+ ms,.* applied \+\d+ ms/);
    expect(said).toMatch(/ {2}b: applied \+\d+ ms \(.*placements\.b at \d+/);
  });

  it('names what was asked for, where its last change began at something else', async () => {
    const { code, said } = await fabric.weft('wait', 'nic/db');
    expect(code).toBe(0);
    expect(said).toMatch(
      /^NetworkInterface default\/db changed last because of:\nMachine default\/db: create by system:anonymous, position \d+: all 2 hosts/,
    );
  });

  const post = async (path: string, object: object, prefer: string, more: Readonly<Record<string, string>> = {}) => {
    const headers = { 'content-type': 'application/json', prefer, ...more };
    const response = await fetch(`${fabric.url}${path}`, { method: 'POST', headers, body: JSON.stringify(object) });
    return { code: response.status, applied: response.headers.get('preference-applied'), warning: response.headers.get('warning') };
  };
  const shown = async (name: string): Promise<Readonly<Record<string, string>> | undefined> => {
    const response = await fetch(`${fabric.url}${NETWORKING}/networkpolicies?fieldSelector=metadata.name%3D${name}`);
    const { items } = (await response.json()) as { items: { status?: { conditions?: Record<string, string>[] } }[] };
    return items[0]?.status?.conditions?.find(({ type }) => type === 'Converged');
  };

  /** Follows one object as `kubectl wait` does: from its list. */
  const watched = async (name: string) => {
    const url = `${fabric.url}${NETWORKING}/networkpolicies?fieldSelector=metadata.name%3D${name}`;
    const { metadata } = (await (await fetch(url)).json()) as { metadata: { resourceVersion: string } };
    const ended = new AbortController();
    const response = await fetch(`${url}&watch=true&resourceVersion=${metadata.resourceVersion}`, { signal: ended.signal });
    const lines = (response.body as ReadableStream<Uint8Array>).pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    return {
      /** The first event in which the condition has this status. */
      next: async (status: string): Promise<object | undefined> => {
        for (;;) {
          const end = rest.indexOf('\n');
          if (end < 0) {
            const { value, done } = await lines.read();
            if (done) return undefined;
            rest += value;
            continue;
          }
          const { object } = JSON.parse(rest.slice(0, end)) as { object: { status?: { conditions?: Record<string, string>[] } } };
          rest = rest.slice(end + 1);
          const found = object.status?.conditions?.find(({ type }) => type === 'Converged');
          if (found?.['status'] === status) return found;
        }
      },
      end: () => ended.abort(),
    };
  };

  it('holds back the answer to a write that asks for it, until hosts have it', async () => {
    const policy = (name: string) => ({
      metadata: { name },
      spec: { networkRef: { name: 'net' }, networkInterfaceSelector: {}, ingress: [{ ports: [{ port: 22 }] }] },
    });
    const path = `${NETWORKING}/networkpolicies`;
    expect(await post(path, policy('all'), 'respond-async, wait=hosts; timeout=60')).toEqual({
      code: 201,
      applied: 'wait=hosts',
      warning: null,
    });
    expect((await told('convergence', 'networkpolicy/default/all')).converged).toBe(true);
    expect((await post(path, policy('other'), 'wait=hosts; timeout=lunch')).code).toBe(400);
    expect(await post(`${path}?dryRun=All`, policy('dry'), 'wait=hosts')).toMatchObject({ code: 201, applied: null });
  });

  it('sends a trace from the request to the kernels, within the trace of who asked', async () => {
    const [traceId, caller] = ['0af7651916cd43dd8448eb211c80319c', 'b7ad6b7169203331'];
    const spec = { networkRef: { name: 'net' }, ipFamilies: ['IPv4'], ips: [{ value: '10.0.0.7' }] };
    await fabric.create(`${NETWORKING}/networkinterfaces`, { metadata: { name: 'traced' }, spec });
    const networkInterfaces = [{ name: 'one', networkInterfaceRef: { name: 'traced' } }];
    const machine = { metadata: { name: 'traced' }, spec: { machinePoolRef: { name: 'a' }, networkInterfaces } };
    await post(`${COMPUTE}/machines`, machine, 'wait=hosts; timeout=60', { traceparent: `00-${traceId}-${caller}-01` });
    const ofTrace = () => spans.filter((span) => span.traceId === traceId);
    await until('the trace has come', () => ofTrace().some(({ name }) => name === 'create Machine'));
    const named = new Map(ofTrace().map((span) => [span.name, span]));
    const root = named.get('create Machine') as Span;
    expect(root).toMatchObject({ parentSpanId: caller, kind: 2, status: { code: 1 } });
    expect([...named.keys()]).toEqual(
      expect.arrayContaining(['accept', 'append Machine', 'append NetworkInterface', 'derive', 'publish rows', 'compile', 'kernel commit']),
    );
    expect(named.get('kernel commit')?.parentSpanId).toBe(root.spanId);
    const machines = new Set(ofTrace().flatMap(({ name, spanId }) => (name === 'append Machine' ? [spanId] : [])));
    expect(ofTrace().some(({ name, parentSpanId = '' }) => name === 'append NetworkInterface' && machines.has(parentSpanId))).toBe(true);
    for (const { startTimeUnixNano: from, endTimeUnixNano: to } of ofTrace()) expect(BigInt(from)).toBeLessThanOrEqual(BigInt(to));
    const hosts = ofTrace().flatMap(({ attributes }) =>
      attributes.filter(({ key }) => key === 'weft.host').map(({ value }) => value.stringValue),
    );
    expect(new Set(hosts)).toEqual(new Set(['a', 'b']));
    const notSampled = 'f'.repeat(32);
    await post(`${NETWORKING}/networks`, { metadata: { name: 'quiet' } }, 'wait=hosts', { traceparent: `00-${notSampled}-${caller}-00` });
    await fabric.create(`${NETWORKING}/networks`, { metadata: { name: 'loud' } });
    await until('a later trace has come', () =>
      spans.some(({ attributes }) => attributes.some(({ value }) => value.stringValue === 'Network/default/loud')),
    );
    expect(spans.filter((span) => span.traceId === notSampled)).toEqual([]);
  });

  it('shows a condition Converged to whoever names the object, and keeps none', async () => {
    expect(await shown('all')).toMatchObject({ status: 'True', reason: 'ArrivedEverywhere' });
    const { status } = (await (await fetch(`${fabric.url}${NETWORKING}/networkpolicies/all`)).json()) as {
      status?: { conditions?: object[] };
    };
    expect(JSON.stringify(status ?? {})).not.toContain('Converged');
  });

  it('concerns no host where no row changes', async () => {
    await fabric.create('/apis/fabric.weft.dev/v1alpha1/addresspools', {
      metadata: { name: 'pool' },
      spec: { prefixes: ['198.51.100.0/24'] },
    });
    const { code, ...found } = await told('wait', 'addresspool/pool');
    expect([code, found.state, found.hosts]).toEqual([0, 'applied', { concerned: 0, applied: 0 }]);
  });

  it('names a host that is missing, since when, and what it is behind with', async () => {
    await agents.b.stop();
    await place('more', 'a', 'net', '10.0.0.2');
    let found = await told('convergence', 'machine/default/more');
    await until('host a has it', async () => {
      found = await told('convergence', 'machine/default/more');
      return found.hosts.applied === 1;
    });
    expect([found.state, found.converged, found.code]).toEqual(['applying', false, 1]);
    expect(named(found)).toEqual(['a applied', expect.stringMatching(/^b (behind|down)$/)]);
    expect((await told('wait', 'machine/default/more', '--timeout', '1s')).code).toBe(1);
    expect(found.hostList[0]).toMatchObject({
      name: 'b',
      since: expect.stringMatching(/^20/),
      tables: expect.arrayContaining([{ table: expect.stringMatching(/^endpoints\./), rev: expect.any(String) }]),
    });
    expect((await told('wait', 'machine/default/more', '--for', 'derived')).code).toBe(0);
    const overview = JSON.parse((await fabric.weft('convergence', '-o', 'json')).said) as { open: number; oldest: Convergence };
    expect(overview.open).toBeGreaterThan(0);
    expect(named(overview.oldest).join()).toMatch(/b (behind|down)/);
    const spec = { networkRef: { name: 'net' }, networkInterfaceSelector: {}, ingress: [{ ports: [{ port: 80 }] }] };
    const late = await post(`${NETWORKING}/networkpolicies`, { metadata: { name: 'late' }, spec }, 'wait=hosts; timeout=0');
    expect(late).toMatchObject({ code: 201, applied: null, warning: expect.stringMatching(/wait=hosts: not everywhere after 0 s: /) });
    const stream = await watched('late');
    expect(await stream.next('False')).toMatchObject({ reason: 'ArrivalPending' });
    await fabric.startAgent('b', 'fd00::2');
    expect(await stream.next('True')).toMatchObject({ reason: 'ArrivedEverywhere' });
    stream.end();
    expect((await shown('late'))?.['status']).toBe('True');
  });

  it.each([
    [['convergence', '999999999'], 2, 'position=999999999 is beyond the end of the log'],
    [['convergence', 'network/default/none'], 1, 'no such change: networks/default/none: name a position'],
    [['wait', 'machine/default/db', '--for', 'lunch'], 2, 'for="lunch" is none of applied, derived'],
    [['wait', 'machine/default/db', '--timeout', 'soon'], 2, '--timeout "soon" is no time'],
  ])('refuses %j in words', async (words, expected, why) => {
    const { code, complained } = await fabric.weft(...words);
    expect([code, complained]).toEqual([expected, expect.stringContaining(why)]);
  });
});
