import type { ApiObject } from '../kind/object.ts';
import type { JsonValue } from '../log/json.ts';
import { ThingSpec, testKind } from '../testing/test-kind.ts';
import { asApplied } from './spelling.ts';

const thing = (applied: string | undefined): ApiObject => ({
  apiVersion: 'test.weft.dev/v1',
  kind: 'Thing',
  metadata: {
    name: 'a',
    uid: 'u',
    resourceVersion: '1',
    creationTimestamp: '2026-01-01T00:00:00Z',
    ...(applied !== undefined && { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': applied } }),
  },
  spec: { colour: 'red', ip: '2001:db8::1', range: '2001:db8::/32', parts: [{ name: 'x' }] },
});
const shown = (spec: JsonValue) => asApplied(testKind, thing(JSON.stringify({ spec }))).spec;

describe('An object that kubectl applied', () => {
  it('shows its addresses as they were written, if they are the same', () => {
    expect(shown({ colour: 'red', ip: '2001:DB8:0::1', range: '2001:0db8::/32', parts: [{ name: 'x' }] })).toEqual({
      colour: 'red',
      ip: '2001:DB8:0::1',
      range: '2001:0db8::/32',
      parts: [{ name: 'x' }],
    });
  });

  it.each<[string, JsonValue]>([
    ['another address', { ip: '2001:db8::2' }],
    ['no address', { ip: 'somewhere' }],
    ['another field', { colour: 'blue' }],
    ['no text', { ip: 7, range: null, parts: 'x' }],
    ['no fields', ['x']],
    ['nothing', null],
  ])('does not show what it applied before: %s', (_what, spec) => {
    expect(shown(spec)).toEqual(thing(undefined).spec);
  });

  it('does so where fields stand beside the metadata', () => {
    const { spec, ...rest } = thing(JSON.stringify({ ip: '2001:DB8:0::1', range: '2001:db8:1::/32' }));
    const applied = asApplied({ ...testKind, model: { fields: ThingSpec } }, { ...rest, ...spec });
    expect(applied).toEqual({ ...rest, ...spec, ip: '2001:DB8:0::1' });
  });

  it.each([undefined, '', 'null', '{"spec"', '7'])('is left alone when the annotation is %j', (applied) => {
    const object = thing(applied);
    expect(asApplied(testKind, object)).toBe(object);
  });
});
