/** Samples of each kind of this context, for what holds of every kind. */
import type { JsonObject } from '@weft/api';
import { describeKind, type KindSamples } from '@weft/testing';
import fc from 'fast-check';
import { lbDomain } from './index.ts';

const all = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
  fc.record(fields, { noNullPrototype: true }) as unknown as fc.Arbitrary<JsonObject>;

const some = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
  fc.record(fields, { requiredKeys: [], noNullPrototype: true }) as fc.Arbitrary<JsonObject>;
const name = fc.stringMatching(/^[a-z]{1,6}$/);

const samples: Readonly<Record<string, KindSamples>> = {
  LoadBalancer: {
    fixed: { networkRef: { name: 'net' }, type: 'Public', ipFamilies: ['IPv4', 'IPv6'] },
    spec: some({
      virtualIPs: fc.uniqueArray(all({ virtualIPRef: all({ name }) }), {
        minLength: 1,
        maxLength: 2,
        selector: (each) => JSON.stringify(each),
      }),
      networkInterfaceSelector: all({ matchLabels: fc.dictionary(name, name, { minKeys: 1, maxKeys: 2, noNullPrototype: true }) }),
      ports: fc.uniqueArray(all({ port: fc.integer({ min: 1, max: 65_535 }) }), {
        minLength: 1,
        maxLength: 3,
        selector: (each) => JSON.stringify(each),
      }),
    }),
  },
  NATGateway: {
    fixed: { networkRef: { name: 'net' } },
    spec: all({
      type: fc.constant('Public'),
      ipFamily: fc.constantFrom('IPv4', 'IPv6'),
      portsPerNetworkInterface: fc.nat(30).map((power) => 2 ** power),
    }),
  },
};

/** A LoadBalancerRouting has no spec. */
for (const kind of lbDomain.kinds.filter((each) => each.kind !== 'LoadBalancerRouting')) describeKind(lbDomain, kind, samples[kind.kind]!);
