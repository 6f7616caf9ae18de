import type { ApiObject } from '@weft/api';
import { World } from '@weft/testing';
import { causeText } from '../testing/bare-kinds.ts';
import { namespaceColumns } from './namespace.columns.ts';
import { namespaceDefaults } from './namespace.defaults.ts';
import { namespaceRules } from './namespace.rules.ts';

const namespace = (more: Partial<ApiObject> = {}): ApiObject => ({
  apiVersion: 'v1',
  kind: 'Namespace',
  metadata: { name: 'team-a', uid: '', resourceVersion: '', creationTimestamp: '2026-01-01T00:00:00Z' },
  ...more,
});

describe('Namespace (http-api 15)', () => {
  it('has a label of its name, a finalizer and a phase', () => {
    const object = namespaceDefaults(namespace());
    expect(object).toMatchObject({
      metadata: { labels: { 'kubernetes.io/metadata.name': 'team-a' } },
      spec: { finalizers: ['kubernetes'] },
      status: { phase: 'Active' },
    });
    expect(namespaceDefaults(object)).toBe(object);
    expect(namespaceRules(object)).toEqual([]);
  });

  it('keeps labels, finalizers and phase that are there', () => {
    const { metadata } = namespace();
    const given = namespace({
      metadata: { ...metadata, labels: { a: 'b' } },
      spec: { finalizers: ['a.b/c'] },
      status: { phase: 'Terminating' },
    });
    expect(namespaceDefaults(given)).toMatchObject({
      metadata: { labels: { a: 'b', 'kubernetes.io/metadata.name': 'team-a' } },
      spec: { finalizers: ['a.b/c', 'kubernetes'] },
      status: { phase: 'Terminating' },
    });
  });

  it('gets its finalizer also when its label and phase are there', () => {
    const complete = namespaceDefaults(namespace());
    expect(namespaceDefaults({ ...complete, spec: {} })).toEqual(complete);
    expect(namespaceDefaults({ ...complete, status: {} })).toEqual(complete);
  });

  it('leaves the label of a name that is yet to be generated', () => {
    const { metadata } = namespace();
    expect(namespaceDefaults(namespace({ metadata: { ...metadata, name: '', generateName: 'a-' } })).metadata.labels).toBeUndefined();
  });

  it.each<[string, string[]]>([
    ['a.b/c', []],
    ['foreground', ['Invalid spec.finalizers']],
    ['a b', ['Invalid spec.finalizers', 'Invalid spec.finalizers']],
  ])('finalizer "%s"', (finalizer, expected) => {
    expect(namespaceRules(namespace({ spec: { finalizers: ['kubernetes', finalizer] } })).map(causeText)).toEqual(expected);
  });

  it('has columns Name, Status, Age (http-api 9)', () => {
    const object = namespaceDefaults(namespace());
    const now = new Date('2026-01-01T01:00:00Z');
    expect(namespaceColumns.map(({ name, cell }) => [name, cell(object, now)])).toEqual([
      ['Name', 'team-a'],
      ['Status', 'Active'],
      ['Age', '60m'],
    ]);
  });

  it('is replaced also by one that says no version, unlike other kinds', () => {
    const world = new World();
    const key = { kind: 'Namespace', name: 'team-a' };
    const network = { kind: 'Network', namespace: 'team-a', name: 'net' };
    world.create({ kind: 'Namespace', metadata: { name: 'team-a' } });
    world.create({ kind: 'Network', metadata: { name: 'net', namespace: 'team-a' }, spec: {} });
    expect(world.do({ verb: 'replace', key, object: { metadata: { name: 'team-a', labels: { a: 'b' } } } }).ok).toBe(true);
    expect(world.object(key)?.metadata.labels).toMatchObject({ a: 'b' });
    const refused = world.do({ verb: 'replace', key: network, object: { metadata: { name: 'net', labels: { a: 'b' } }, spec: {} } });
    expect(refused).toMatchObject({ ok: false, status: { code: 422 } });
  });
});
