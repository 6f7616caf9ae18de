import { namespace, testDomain, widget } from '../testing/test-domain.ts';
import { Catalog } from './catalog.ts';
import { parseTarget } from './target.ts';

const catalog = new Catalog([testDomain]);

describe('A path of the resource API', () => {
  it.each([
    ['/apis/test.weft.dev/v1/widgets', { kind: widget }],
    ['/apis/test.weft.dev/v1/widgets/', { kind: widget }],
    ['/apis/test.weft.dev/v1/namespaces/a/widgets', { kind: widget, namespace: 'a' }],
    ['/apis/test.weft.dev/v1/namespaces/a/widgets/b', { kind: widget, namespace: 'a', name: 'b' }],
    ['/apis/test.weft.dev/v1/namespaces/a/widgets/b%2Ec', { kind: widget, namespace: 'a', name: 'b.c' }],
    ['/apis/test.weft.dev/v1/namespaces/a/widgets/b/status', { kind: widget, namespace: 'a', name: 'b', subresource: 'status' }],
    ['/api/v1/namespaces', { kind: namespace }],
    ['/api/v1/namespaces/a', { kind: namespace, name: 'a' }],
    ['/api/v1/namespaces/a/status', { kind: namespace, name: 'a', subresource: 'status' }],
  ])('%s is understood', (path, target) => {
    expect(parseTarget(path, catalog)).toEqual(target);
  });

  it.each([
    '/api',
    '/api/v1',
    '/apis/test.weft.dev/v1',
    '/apis//v1/widgets',
    '/apis/test.weft.dev/v2/widgets',
    '/apis/test.weft.dev/v1/widgets/b',
    '/apis/test.weft.dev/v1/namespaces/a/widgets/b/scale',
    '/apis/test.weft.dev/v1/namespaces/a/widgets/b/status/x',
    '/apis/test.weft.dev/v1/namespaces//widgets',
    '/apis/test.weft.dev/v1/namespaces/a//widgets',
    '/api/v1/namespaces/a/namespaces',
    '/api/v1/pods',
    '/other/v1/widgets',
  ])('%s is not served', (path) => {
    expect(parseTarget(path, catalog)).toBeUndefined();
  });
});
