/** Samples of each kind of this context, for what holds of every kind. */
import type { JsonObject } from '@weft/api';
import { describeKind, type KindSamples } from '@weft/testing';
import fc from 'fast-check';
import { lbDomain } from './index.ts';

const all = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
  fc.record(fields, { noNullPrototype: true }) as unknown as fc.Arbitrary<JsonObject>;

const samples: Readonly<Record<string, KindSamples>> = {
  NATGateway: {
    fixed: { networkRef: { name: 'net' } },
    spec: all({
      type: fc.constant('Public'),
      ipFamily: fc.constantFrom('IPv4', 'IPv6'),
      portsPerNetworkInterface: fc.nat(30).map((power) => 2 ** power),
    }),
  },
};

for (const kind of lbDomain.kinds) describeKind(lbDomain, kind, samples[kind.kind]!);
