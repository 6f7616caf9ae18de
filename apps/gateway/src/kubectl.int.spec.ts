/** Unmodified kubectl, an old one and a new one, against the gateway (http-api 16). */

import { Kubectl, kubectlVersions } from './testing/kubectl.ts';
import { call } from './testing/requests.ts';
import { type System, startSystem } from './testing/system.ts';

const manifest = (name: string, more = '', metadata = '') => `apiVersion: test.weft.dev/v1
kind: Widget
metadata:
  name: ${name}
  namespace: default
  labels: {app: a, tier: front}
${metadata}spec:
  colour: red
${more}`;

for (const { version, binary } of kubectlVersions) {
  const suite = binary === undefined ? describe.skip : describe;
  const isOld = version === '1.20';
  suite(`kubectl ${version}${binary === undefined ? ' (skipped: the binary is not here; node tools/setup.mjs test fetches it)' : ''}`, () => {
    let system: System;
    let kubectl: Kubectl;
    const ok = (...args: string[]) => kubectl.ok(args);
    const run = (...args: string[]) => kubectl.run(args);
    const create = async (name: string, more?: string, metadata?: string) => {
      await kubectl.ok(['create', '-f', '-'], { input: manifest(name, more, metadata) });
    };

    beforeAll(async () => {
      system = await startSystem();
      kubectl = new Kubectl(binary as string, system.url);
    });
    afterAll(async () => {
      kubectl.remove();
      expect(system.log.filter((line) => line.startsWith('error'))).toEqual([]);
      await system.stop();
    });

    it('finds what there is', async () => {
      const resources = await ok('api-resources');
      expect(resources).toMatch(/^namespaces +ns +v1 +false +Namespace$/m);
      expect(resources).toMatch(/^widgets +wd +test\.weft\.dev\/v1 +true +Widget$/m);
      expect((await ok('api-versions')).trim().split('\n')).toEqual(['test.weft.dev/v1', 'v1']);
      expect(await ok('version')).toContain('v1.30.0-weft');
      expect(await ok('get', '--raw', '/apis/test.weft.dev')).toContain('APIGroup');
      expect(await ok('get', '--raw', '/readyz')).toBe('ok');
    });

    it('creates', async () => {
      expect(await kubectl.ok(['create', '-f', '-'], { input: manifest('made') })).toBe('widget.test.weft.dev/made created\n');
      const again = await kubectl.run(['create', '-f', '-'], { input: manifest('made') });
      expect([again.exit, again.err]).toEqual([1, expect.stringContaining('(AlreadyExists)')]);
      expect(again.err).toContain('widgets.test.weft.dev "made" already exists');
      const generated = await kubectl.ok(['create', '-f', '-'], {
        input: 'apiVersion: test.weft.dev/v1\nkind: Widget\nmetadata: {generateName: gen-}\n',
      });
      expect(generated).toMatch(/^widget\.test\.weft\.dev\/gen-[a-z0-9]{5} created\n$/);
      expect(await ok('create', 'namespace', 'team')).toBe('namespace/team created\n');
      expect(
        await kubectl.ok(['create', '-n', 'team', '-f', '-'], {
          input:
            'apiVersion: v1\nkind: List\nitems: [{apiVersion: test.weft.dev/v1, kind: Widget, metadata: {name: l1}}, {apiVersion: test.weft.dev/v1, kind: Widget, metadata: {name: l2}}]\n',
        }),
      ).toBe('widget.test.weft.dev/l1 created\nwidget.test.weft.dev/l2 created\n');
    });

    it('is told what is wrong', async () => {
      const typo = await kubectl.run(['create', '-f', '-'], { input: manifest('typo', '  sise: 3\n') });
      expect([typo.exit, typo.err]).toEqual([1, expect.stringContaining('sise')]);
      const invalid = await kubectl.run(['create', '-f', '-'], { input: manifest('bad', '  size: 13\n') });
      expect([invalid.exit, invalid.err]).toEqual([
        1,
        expect.stringContaining('The Widget "bad" is invalid: spec.size: Required value: any but 13'),
      ]);
      const nowhere = await kubectl.run(['create', '-n', 'nowhere', '-f', '-'], {
        input: 'apiVersion: test.weft.dev/v1\nkind: Widget\nmetadata: {name: x}\n',
      });
      expect(nowhere.err).toContain('namespaces "nowhere" not found');
      const loose = await kubectl.run(['create', '--validate=false', '-f', '-'], { input: manifest('loose', '  sise: 3\n') });
      expect([loose.exit, loose.err]).toEqual([0, isOld ? expect.stringContaining('unknown field "spec.sise"') : expect.anything()]);
    });

    it('gets, in every form', async () => {
      await create('g1');
      expect(await ok('get', 'widget', 'g1')).toMatch(/^NAME +COLOUR +AGE\ng1 +red +\d+s\n$/);
      expect(await ok('get', 'wd', '-A')).toMatch(/^NAMESPACE +NAME +COLOUR +AGE\n/);
      expect(await ok('get', 'wd', 'g1', '-o', 'yaml')).toContain('  colour: red\n');
      expect(JSON.parse(await ok('get', 'wd', '-o', 'json')).items.length).toBeGreaterThan(0);
      expect(await ok('get', 'wd', 'g1', '-o', 'name')).toBe('widget.test.weft.dev/g1\n');
      expect(await ok('get', 'wd', 'g1', '-o', 'jsonpath={.spec.colour}')).toBe('red');
      expect(await ok('get', 'wd', 'g1', '-o', 'custom-columns=N:.metadata.name')).toBe('N\ng1\n');
      expect(await ok('get', 'wd', 'g1', '-o', 'wide', '--show-labels', '-L', 'app')).toMatch(/ a +app=a,tier=front\n/);
      expect(await ok('get', 'wd', '--sort-by=.metadata.name')).toContain('g1');
      expect(await ok('get', 'weft', '-A')).toContain('g1');
      expect(await ok('get', 'ns,wd')).toContain('widget.test.weft.dev/g1');
      expect(await ok('get', 'wd', '--server-print=false')).toContain('g1');
      const missing = await run('get', 'wd', 'nope');
      expect([missing.exit, missing.err]).toEqual([1, 'Error from server (NotFound): widgets.test.weft.dev "nope" not found\n']);
      expect(await run('get', 'wd', 'nope', '--ignore-not-found')).toMatchObject({ exit: 0, out: '' });
      const empty = await run('get', 'wd', '-n', 'nowhere');
      expect([empty.exit, empty.err]).toEqual([0, expect.stringContaining('No resources found')]);
    });

    it('selects and pages', async () => {
      for (const name of ['s1', 's2', 's3', 's4', 's5']) await create(name, '', '  annotations: {x: z}\n');
      await ok('label', 'wd', 's1', 's2', 'sel=yes');
      expect(await ok('get', 'wd', '-l', 'sel=yes', '-o', 'name')).toBe('widget.test.weft.dev/s1\nwidget.test.weft.dev/s2\n');
      expect(await ok('get', 'wd', '-l', 'sel in (yes,no),!gone', '-o', 'name')).toContain('s1');
      expect(await ok('get', 'wd', '--field-selector', 'metadata.name=s3', '-o', 'name')).toBe('widget.test.weft.dev/s3\n');
      const unknown = await run('get', 'wd', '--field-selector', 'spec.nothing=x');
      expect([unknown.exit, unknown.err]).toEqual([1, expect.stringContaining('field label not supported: spec.nothing')]);
      // Ages grow between the two.
      const withoutAges = (table: string) => table.replace(/ +\S+$/gm, '');
      const paged = await ok('get', 'wd', '--chunk-size=2');
      expect(withoutAges(paged)).toBe(withoutAges(await ok('get', 'wd', '--chunk-size=0')));
    });

    it('applies: new, changed, the same', async () => {
      const file = kubectl.file('apply.yaml', manifest('applied'));
      const changed = kubectl.file('changed.yaml', manifest('applied', '  size: 7\n'));
      expect(await ok('apply', '-f', file)).toBe('widget.test.weft.dev/applied created\n');
      const diff = await run('diff', '-f', changed);
      expect([diff.exit, diff.out]).toEqual([1, expect.stringContaining('+  size: 7')]);
      expect(await ok('apply', '--dry-run=server', '-f', changed)).toBe('widget.test.weft.dev/applied configured (server dry run)\n');
      expect(await ok('get', 'wd', 'applied', '-o', 'jsonpath={.spec.size}')).toBe('');
      expect(await ok('apply', '-f', changed)).toBe('widget.test.weft.dev/applied configured\n');
      expect(await ok('apply', '-f', changed)).toBe('widget.test.weft.dev/applied unchanged\n');
      expect((await run('diff', '-f', changed)).exit).toBe(0);
      expect(await ok('apply', '-f', file)).toBe('widget.test.weft.dev/applied configured\n');
      expect(await ok('get', 'wd', 'applied', '-o', 'jsonpath={.spec}')).toContain('red');
      expect(await ok('get', 'wd', 'applied', '-o', 'jsonpath={.spec.size}')).toBe('');
      expect(await ok('apply', 'view-last-applied', 'wd/applied')).toContain('colour: red');
      const namespace = kubectl.file('ns.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: applied, labels: {a: "1"}}\n');
      expect(await ok('apply', '-f', namespace)).toBe('namespace/applied created\n');
      kubectl.file('ns.yaml', 'apiVersion: v1\nkind: Namespace\nmetadata: {name: applied, labels: {a: "2", b: "3"}}\n');
      expect(await ok('apply', '-f', namespace)).toBe('namespace/applied configured\n');
    });

    it('applies on the server: new, the same, in conflict, with force, less than before', async () => {
      const file = kubectl.file('ssa.yaml', manifest('ssa'));
      const apply = (path: string, ...more: string[]) => run('apply', '--server-side', '-f', path, ...more);
      expect(await apply(file)).toMatchObject({ exit: 0, out: 'widget.test.weft.dev/ssa serverside-applied\n' });
      const version = await ok('get', 'wd', 'ssa', '-o', 'jsonpath={.metadata.resourceVersion}');
      expect(await apply(file)).toMatchObject({ exit: 0 });
      expect(await ok('get', 'wd', 'ssa', '-o', 'jsonpath={.metadata.resourceVersion}')).toBe(version);
      const other = kubectl.file('ssa-other.yaml', manifest('ssa', '  size: 3\n').replace('red', 'blue'));
      const conflict = await apply(other, '--field-manager=other');
      expect([conflict.exit, conflict.err]).toEqual([
        1,
        expect.stringContaining('Apply failed with 1 conflict: conflict with "kubectl": .spec.colour\nPlease review the fields above'),
      ]);
      expect(await apply(other, '--field-manager=other', '--dry-run=server', '--force-conflicts')).toMatchObject({ exit: 0 });
      expect(await ok('get', 'wd', 'ssa', '-o', 'jsonpath={.spec.colour}')).toBe('red');
      expect((await apply(other, '--field-manager=other', '--force-conflicts')).out).toBe('widget.test.weft.dev/ssa serverside-applied\n');
      expect(await ok('get', 'wd', 'ssa', '-o', 'jsonpath={.spec.colour}{.spec.size}')).toBe('blue3');
      kubectl.file('ssa-other.yaml', manifest('ssa').replace('red', 'blue'));
      await apply(other, '--field-manager=other');
      expect(await ok('get', 'wd', 'ssa', '-o', 'jsonpath={.spec.size}')).toBe('');
      const shown = await ok('get', 'wd', 'ssa', '-o', 'yaml');
      expect(shown.includes('managedFields')).toBe(isOld); // The old one shows what it gets.
      if (!isOld) expect(await ok('get', 'wd', 'ssa', '-o', 'yaml', '--show-managed-fields')).toContain('manager: other');
      const diff = kubectl.file('ssa-diff.yaml', manifest('ssa').replace('red', 'green'));
      const differs = await run('diff', '--server-side', '--force-conflicts', '--field-manager=other', '-f', diff);
      expect([differs.exit, differs.out]).toEqual([1, expect.stringContaining('+  colour: green')]);
    });

    it('moves an object from client-side to server-side apply', async () => {
      const file = kubectl.file('move.yaml', manifest('moved', '  size: 3\n'));
      await ok('apply', '-f', file);
      kubectl.file('move.yaml', manifest('moved'));
      expect(await ok('apply', '--server-side', '--force-conflicts', '-f', file)).toBe('widget.test.weft.dev/moved serverside-applied\n');
      const managers = await ok('get', 'wd', 'moved', '-o', 'jsonpath={.metadata.managedFields[*].manager}');
      // Only newer ones take over what was applied before.
      expect(managers.split(' ').includes('kubectl-client-side-apply')).toBe(isOld);
      expect(await ok('get', 'wd', 'moved', '-o', 'jsonpath={.spec.size}')).toBe(isOld ? '3' : '');
    });

    it('prunes', async () => {
      const one = manifest('p1').replace('app: a', 'app: prune');
      const two = manifest('p2').replace('app: a', 'app: prune');
      kubectl.file('prune.yaml', `${one}---\n${two}`);
      const file = kubectl.file('prune-one.yaml', one);
      await ok('apply', '-f', file.replace('prune-one', 'prune'));
      const allow = isOld ? '--prune-whitelist' : '--prune-allowlist';
      expect(await ok('apply', '-f', file, '--prune', '-l', 'app=prune', `${allow}=test.weft.dev/v1/Widget`)).toContain('p2 pruned');
      expect((await run('get', 'wd', 'p2')).exit).toBe(1);
    });

    it('labels, annotates, edits, patches and replaces', async () => {
      await create('e1');
      expect(await ok('label', 'wd', 'e1', 'zone=z1')).toBe('widget.test.weft.dev/e1 labeled\n');
      expect((await run('label', 'wd', 'e1', 'zone=z2')).exit).toBe(1);
      expect(await ok('label', 'wd', 'e1', 'zone-')).toMatch(/widget\.test\.weft\.dev\/e1 (un)?labeled\n/);
      expect(await ok('annotate', 'wd', 'e1', 'note=hi')).toBe('widget.test.weft.dev/e1 annotated\n');
      const stale = await run('annotate', 'wd', 'e1', 'note=ho', '--overwrite', '--resource-version=1');
      expect([stale.exit, stale.err]).toEqual([1, expect.stringContaining('the object has been modified')]);
      const editor = kubectl.file('editor.sh', '#!/bin/sh\nsed -i "s/colour: red/colour: green/" "$1"\n');
      expect(await kubectl.ok(['edit', 'wd', 'e1'], { env: { KUBE_EDITOR: `sh ${editor}` } })).toBe('widget.test.weft.dev/e1 edited\n');
      expect(await ok('get', 'wd', 'e1', '-o', 'jsonpath={.spec.colour}')).toBe('green');
      expect(await ok('patch', 'wd', 'e1', '--type=merge', '-p', '{"spec":{"size":5}}')).toBe('widget.test.weft.dev/e1 patched\n');
      expect(await ok('patch', 'wd', 'e1', '--type=json', '-p', '[{"op":"replace","path":"/spec/size","value":6}]')).toBe(
        'widget.test.weft.dev/e1 patched\n',
      );
      const failing = await run('patch', 'wd', 'e1', '--type=json', '-p', '[{"op":"test","path":"/spec/size","value":7}]');
      expect([failing.exit, failing.err]).toEqual([1, expect.stringContaining('The request is invalid')]);
      const strategic = await run('patch', 'wd', 'e1', '-p', '{"spec":{"size":8}}');
      expect([strategic.exit, strategic.err]).toEqual([1, expect.stringContaining('use kubectl patch --type=merge')]);
      expect(await ok('patch', 'ns', 'default', '-p', '{"metadata":{"labels":{"x":"y"}}}')).toMatch(/namespace\/default patched/);
      const file = kubectl.file('replace.yaml', manifest('e1', '  size: 9\n'));
      expect(await ok('replace', '-f', file)).toBe('widget.test.weft.dev/e1 replaced\n');
      expect(await ok('get', 'wd', 'e1', '-o', 'jsonpath={.spec.size}')).toBe('9');
      expect(await ok('replace', '--force', '-f', file)).toContain('widget.test.weft.dev/e1 replaced');
      expect(await ok('label', 'wd', '--all', 'bulk=1', '--overwrite')).toContain('e1 labeled');
    });

    it('describes and explains', async () => {
      await create('d1');
      const described = await ok('describe', 'wd', 'd1');
      expect(described).toMatch(/^Name: +d1$/m);
      expect(described).toMatch(/Colour: +red/);
      expect(await ok('describe', 'ns', 'default')).toMatch(/^Name: +default$/m);
      expect(await ok('explain', 'widget.spec')).toContain('What it looks like.');
      expect(await ok('explain', 'widget.metadata.labels')).toContain('Names by which objects are selected.');
    });

    it('watches', async () => {
      await create('v1');
      const watch = kubectl.start(['get', 'wd', '-w']);
      await watch.shows('v1');
      await create('v2');
      await watch.shows('v2');
      await ok('patch', 'wd', 'v2', '--type=merge', '-p', '{"spec":{"colour":"purple"}}');
      await watch.shows('purple');
      expect((await watch.interrupt()).out).toMatch(/^NAME +COLOUR +AGE\n/);
      const one = kubectl.start(['get', 'wd', 'v1', '-w']);
      await one.shows('v1');
      await ok('patch', 'wd', 'v1', '--type=merge', '-p', '{"spec":{"colour":"orange"}}');
      await one.shows('orange');
      await one.interrupt();
      expect(one.out).not.toContain('v2');
    });

    it('deletes and waits', async () => {
      await create('x1');
      await create('x2');
      expect(await ok('delete', 'wd', 'x1')).toMatch(/^widget\.test\.weft\.dev "x1" deleted/);
      expect((await run('delete', 'wd', 'x1')).exit).toBe(1);
      await create('x3', '', '  finalizers: [test.weft.dev/hold]\n');
      const deleting = kubectl.start(['delete', 'wd', 'x3']);
      await deleting.shows('deleted');
      const waiting = kubectl.run(['wait', '--for=delete', 'wd/x3', '--timeout=50s']);
      await call(system.url, 'PATCH', '/apis/test.weft.dev/v1/namespaces/default/widgets/x3', '{"metadata":{"finalizers":null}}', {
        'content-type': 'application/merge-patch+json',
      });
      // The old one complains when the object was gone before it looked.
      expect((await waiting).exit === 0 || isOld).toBe(true);
      expect(await ok('delete', 'wd', '-l', 'app=a', '--field-selector', 'metadata.name=x2')).toContain('"x2" deleted');
      expect(await ok('delete', 'wd', 'v1', '--dry-run=server')).toContain('(server dry run)');
      expect(await ok('delete', 'wd', 'v1', '--cascade=orphan')).toContain('"v1" deleted');
      expect(await kubectl.run(['delete', 'wd', 'v2', '--force', '--grace-period=0'])).toMatchObject({ exit: 0 });
      if (isOld) return;
      await create('j1');
      const jsonpath = kubectl.run(['wait', '--for=jsonpath={.spec.colour}=blue', 'wd/j1', '--timeout=50s']);
      await ok('patch', 'wd', 'j1', '--type=merge', '-p', '{"spec":{"colour":"blue"}}');
      expect(await jsonpath).toMatchObject({ exit: 0, out: 'widget.test.weft.dev/j1 condition met\n' });
    });

    it('asks what it may do, and who it is', async () => {
      expect(await ok('auth', 'can-i', 'create', 'widgets')).toBe('yes\n');
      expect(await ok('auth', 'can-i', '--list')).toContain('widgets.test.weft.dev');
      if (isOld) return;
      expect(await ok('auth', 'whoami')).toContain('system:anonymous');
      expect(await ok('auth', 'whoami', '--as', 'ann')).toContain('ann');
    });
  });
}
