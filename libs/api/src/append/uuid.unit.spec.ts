import { isUuid, uuidv5 } from './uuid.ts';

describe('uuidv5', () => {
  it('is that of RFC 9562', () => {
    // Namespace DNS, appendix A.4 of the RFC.
    expect(uuidv5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
  });

  it('depends on nothing that was asked before', () => {
    const [one, other] = ['6ba7b810-9dad-11d1-80b4-00c04fd430c8', '6ba7b811-9dad-11d1-80b4-00c04fd430c8'] as const;
    const asked = [one, one, other, 'no uuid', one, 'abc', other].map((namespace) => `${namespace} ${uuidv5(namespace, 'name')}`);
    expect(new Set(asked).size).toBe(4);
  });

  it('takes long names and names in other scripts', () => {
    const namespace = uuidv5('6ba7b810-9dad-11d1-80b4-00c04fd430c8', 'a');
    const ids = ['', 'ü', 'x'.repeat(1_300), 'x'.repeat(1_301), '€'.repeat(1_300), '€'.repeat(5_000)].map((name) =>
      uuidv5(namespace, name),
    );
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids.every(isUuid)).toBe(true);
    expect(uuidv5(namespace, '€'.repeat(1_300))).toBe(ids[4]);
  });
});
