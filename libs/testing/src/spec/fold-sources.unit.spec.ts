import { createFold, registry } from '@weft/api';
import { Engine, FoldSources } from '@weft/derive';
import { networkKey } from '@weft/network';
import { weftDomains } from '../world/weft-domains.ts';
import { WrittenLog } from './written-log.ts';

describe('The fold as sources', () => {
  it('shows an object as it is now, also before its owner has told the position of the change', () => {
    const written = new WrittenLog(weftDomains);
    const key = networkKey('ns', 'net');
    written.create(key);
    for (const vni of [200, 201]) written.happen(key, { type: 'NetworkVniAssigned.v1', data: { vni } });
    const kinds = registry(weftDomains);
    const fold = createFold(kinds);
    let position = 0n;
    // As a follower does: the change first, the position after it.
    const world = new Proxy(fold, { get: (target, name) => (name === 'position' ? position : Reflect.get(target, name, target)) });
    const engine = new Engine();
    const sources = new FoldSources(kinds, world);
    const networks = sources.within(engine).kind('Network');
    const numbers = engine.map('numbers', networks, (name, read) => read.get(networks, name)?.facts['vni'] ?? 'none');
    const seen: unknown[] = [];
    for (const append of written.appends) {
      sources.apply(fold.apply(append));
      engine.settle();
      seen.push(numbers.get('ns/net'));
      ({ position } = append);
      networks.get('ns/net'); // Somebody looks at it in between.
    }
    expect(seen).toEqual(['none', 200, 201]);
  });
});
