/** Bad input to a whole Weft, over HTTP: the documented error, and nothing is changed. */
import { connect } from 'node:net';
import { until } from '@weft/testing/waiting';
import { AllInOne } from './all-in-one.ts';
import { type ApiObject, call, isReady, list, must, NETWORKS, NICS, network, nic } from './api.ts';
import { Workspace } from './processes.ts';

const json = { 'content-type': 'application/json' };
const address = (ip: string) => ({
  ...nic('bad', 'red'),
  spec: { networkRef: { name: 'red' }, ipFamilies: ['IPv4'], ips: [{ value: ip }] },
});

describe('A running Weft', () => {
  let workspace: Workspace;
  let url: string;
  let holder: ApiObject;

  beforeAll(async () => {
    workspace = new Workspace();
    const weft = await AllInOne.create(workspace);
    url = weft.url;
    await weft.started();
    await must(url, 'POST', NETWORKS, network('red'));
    holder = await must<ApiObject>(url, 'POST', NICS, nic('holder', 'red', '10.0.0.1'));
    await until('the Network to be settled', async () => {
      const { items } = await list(url, NETWORKS);
      return items.every(({ status }) => status?.['state'] === 'Available');
    });
    holder = await until('the interface to be settled', async () => {
      const first = await must<ApiObject>(url, 'GET', `${NICS}/holder`);
      return first.status?.['ips'] !== undefined && first;
    });
  });
  afterAll(async () => {
    await workspace.close();
  });

  // The lists' own positions move with what hosts report.
  const everything = async () => [(await list(url, NICS)).items, (await list(url, NETWORKS)).items];

  const strictly = `${NICS}?fieldValidation=Strict`;
  it.each<[string, () => readonly [method: string, path: string, body: unknown], number, string, RegExp]>([
    [
      'an unknown field, asked to be strict',
      () => ['POST', strictly, { ...nic('bad', 'red', '10.0.0.9'), spec: { ...nic('bad', 'red', '10.0.0.9').spec, adress: '10.0.0.9' } }],
      400,
      'BadRequest',
      /strict decoding error: unknown field "spec\.adress"/,
    ],
    ['an address that is none', () => ['POST', NICS, address('10.0.0.256')], 400, 'BadRequest', /10\.0\.0\.256/],
    ['half an address', () => ['POST', NICS, address('10.0.0')], 400, 'BadRequest', /10\.0\.0/],
    ['an address of another family', () => ['POST', NICS, address('fd00::1')], 422, 'Invalid', /spec\.ip/],
    [
      'a name that is taken',
      () => ['POST', NICS, nic('holder', 'red', '10.0.0.2')],
      409,
      'AlreadyExists',
      /networkinterfaces\.networking\.ironcore\.dev "holder" already exists/,
    ],
    ['an address that is taken', () => ['POST', NICS, nic('second', 'red', '10.0.0.1')], 422, 'Invalid', /10\.0\.0\.1.*"holder"/],
    [
      'an outdated resourceVersion',
      () => ['PUT', `${NICS}/holder`, { ...holder, metadata: { ...holder.metadata, resourceVersion: '1', labels: { a: 'b' } } }],
      409,
      'Conflict',
      /the object has been modified/,
    ],
    [
      'a resourceVersion that is none',
      () => ['PUT', `${NICS}/holder`, { ...holder, metadata: { ...holder.metadata, resourceVersion: 'x', labels: { a: 'b' } } }],
      422,
      'Invalid',
      /resourceVersion/,
    ],
    ['half a JSON body', () => ['POST', NICS, '{"metadata": {"name": "bad"}, "spec": {"networkRef"'], 400, 'BadRequest', /JSON/],
    ['a body of 10 MiB', () => ['POST', NICS, Buffer.alloc(10 * 1024 * 1024, 0x20)], 413, 'RequestEntityTooLarge', /limit/],
  ])('answers %s as documented, and nothing changes', async (_what, request, code, reason, message) => {
    const before = await everything();
    const [method, path, body] = request();
    const answer = await call(url, method, path, body, json);
    expect(answer.json).toMatchObject({
      kind: 'Status',
      apiVersion: 'v1',
      status: 'Failure',
      code,
      reason,
      message: expect.stringMatching(message),
    });
    expect(answer.code).toBe(code);
    expect(await everything()).toEqual(before);
  });

  it('names the field and the holder of a taken address', async () => {
    const { json: status } = await call(url, 'POST', NICS, nic('second', 'red', '10.0.0.1'));
    const { causes } = status['details'] as { causes: readonly { reason: string; field: string; message: string }[] };
    expect(causes).toEqual([
      { reason: 'FieldValueDuplicate', field: expect.stringContaining('spec.ips[0]'), message: expect.stringContaining('"holder"') },
    ]);
  });

  it('survives clients that go away in the middle of a body', async () => {
    const before = await everything();
    const { hostname, port } = new URL(url);
    for (let at = 0; at < 20; at++) {
      const socket = connect(Number(port), hostname);
      socket.on('error', () => {});
      await new Promise<void>((resolve) => socket.once('connect', resolve));
      socket.write(
        `POST ${NICS} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"metadata": {`,
      );
      socket.destroy();
    }
    expect(await everything()).toEqual(before);
    await until('it is ready as before', () => isReady(url));
  });
});
