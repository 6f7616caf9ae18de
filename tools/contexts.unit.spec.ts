import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { CONTEXTS } from '@weft/api';
import { OWNING_SERVICES, weftDomains } from '@weft/service';
import { parse } from 'yaml';
import { contexts } from './contexts.mjs';

const root = dirname(import.meta.dirname);

describe('Contexts', () => {
  it('have a folder each, and each such folder is one', () => {
    expect([...contexts].sort()).toEqual([...CONTEXTS].sort());
  });

  it('have a domain each that every process knows', () => {
    expect(weftDomains.map(({ context }) => context)).toEqual([...CONTEXTS]);
  });

  it('have a service each, in an app and in docker-compose.yml', () => {
    const { services } = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true });
    for (const name of OWNING_SERVICES) {
      expect(JSON.parse(readFileSync(join(root, 'apps', name, 'package.json'), 'utf8')).name).toBe(`@weft/${name}`);
      expect(services).toHaveProperty(name);
    }
  });
});
