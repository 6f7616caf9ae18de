import type { DomainModule } from '@weft/api';
import { weftDomains } from '../runtime/domains.ts';
import { foldVersion } from './fold-version.ts';

describe('foldVersion', () => {
  it('names the code of these domains, always by the same name', () => {
    const version = foldVersion(weftDomains);
    expect(version).toMatch(/^[0-9a-f]{32}$/);
    expect(foldVersion([...weftDomains].reverse())).toBe(version);
    expect(foldVersion(weftDomains.slice(1))).not.toBe(version);
  });

  it('names what a program was bundled into, where the packages are not found, or nothing', () => {
    const elsewhere = [{ ...weftDomains[0], context: 'nowhere' } as unknown as DomainModule];
    const [, program = ''] = process.argv;
    try {
      process.argv[1] = import.meta.filename;
      expect(foldVersion(elsewhere)).toMatch(/^[0-9a-f]{32}$/);
      process.argv[1] = '/nowhere/main.js';
      expect(foldVersion(elsewhere)).toBeUndefined();
    } finally {
      process.argv[1] = program;
    }
  });
});
