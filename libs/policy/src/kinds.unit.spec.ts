/** Samples of each kind of this context, for what holds of every kind that people write. */
import type { JsonObject, KindModule } from '@weft/api';
import { describeKind, type KindSamples } from '@weft/testing';
import fc from 'fast-check';
import { policyDomain } from './index.ts';

const exact = { noNullPrototype: true } as const;
const name = fc.stringMatching(/^[a-z]{1,6}$/);
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
  fc.record(fields, { requiredKeys: [], ...exact }) as fc.Arbitrary<JsonObject>;
const all = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) => fc.record(fields, exact) as unknown as fc.Arbitrary<JsonObject>;
const labels = fc.dictionary(name, name, { minKeys: 1, maxKeys: 2, ...exact });
const peer = fc.oneof(
  all({ ipBlock: all({ cidr: fc.constantFrom('10.0.0.0/8', '2001:db8::/32') }) }),
  all({ objectSelector: all({ kind: fc.constantFrom('NetworkInterface', 'LoadBalancer', 'VirtualIP'), matchLabels: labels }) }),
);
const ports = fc.array(all({ protocol: fc.constantFrom('TCP', 'UDP'), port: fc.integer({ min: 1, max: 65_535 }) }), {
  minLength: 1,
  maxLength: 3,
});
const peers = fc.array(peer, { minLength: 1, maxLength: 3 });

const samples: Readonly<Record<string, KindSamples>> = {
  NetworkPolicy: {
    fixed: { networkRef: { name: 'net' }, policyTypes: ['Egress', 'Ingress'] },
    spec: some({
      networkInterfaceSelector: all({ matchLabels: labels }),
      ingress: fc.array(some({ from: peers, ports }), { minLength: 1, maxLength: 2 }),
      egress: fc.array(some({ to: peers, ports }), { minLength: 1, maxLength: 2 }),
    }),
  },
};

/** NetworkPolicyRules are made by a loop alone. */
const isWritten = ({ refuses = [] }: KindModule): boolean => !refuses.includes('create');
for (const kind of policyDomain.kinds.filter(isWritten)) describeKind(policyDomain, kind, samples[kind.kind]!);
