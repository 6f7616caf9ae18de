/** Samples of each kind of this context, for what holds of every kind. */
import type { JsonObject } from '@weft/api';
import { describeKind, type KindSamples } from '@weft/testing';
import fc from 'fast-check';
import { ipamDomain } from './index.ts';

const exact = { noNullPrototype: true } as const;
const name = fc.stringMatching(/^[a-z]{1,6}$/);
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
  fc.record(fields, { requiredKeys: [], ...exact }) as fc.Arbitrary<JsonObject>;
const all = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) => fc.record(fields, exact) as unknown as fc.Arbitrary<JsonObject>;

const samples: Readonly<Record<string, KindSamples>> = {
  AddressPool: {
    fixed: { prefixes: ['203.0.113.0/24'] },
    spec: some({
      excludes: fc.uniqueArray(
        fc.nat(255).map((n) => `203.0.113.${n}/32`),
        { minLength: 1, maxLength: 3 },
      ),
      networkSelector: all({ matchLabels: fc.dictionary(name, name, { minKeys: 1, maxKeys: 2, ...exact }) }),
    }),
  },
  // Nothing of their specs can be changed.
  Prefix: {
    fixed: { ipFamily: 'IPv4', prefixLength: 24, parentSelector: { matchLabels: { pool: 'none' } } },
    spec: fc.constant({}),
  },
  PrefixAllocation: {
    fixed: { ipFamily: 'IPv4', prefixLength: 24, prefixSelector: { matchLabels: { pool: 'none' } } },
    spec: fc.constant({}),
  },
  VirtualIP: {
    fixed: { type: 'Public', ipFamily: 'IPv4' },
    spec: some({ targetRef: all({ name, uid: name }) }),
  },
};

for (const kind of ipamDomain.kinds) describeKind(ipamDomain, kind, samples[kind.kind]!);
