/** Samples of each kind of this context, for what holds of every kind. */
import type { JsonObject, KindModule } from '@weft/api';
import { describeKind, type KindSamples } from '@weft/testing';
import fc from 'fast-check';
import { networkDomain } from './index.ts';

/** Events are not stored. */
const isStored = ({ kind }: KindModule): boolean => kind !== 'Event';
const exact = { noNullPrototype: true } as const;
const name = fc.stringMatching(/^[a-z]{1,6}$/);
const some = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) =>
  fc.record(fields, { requiredKeys: [], ...exact }) as fc.Arbitrary<JsonObject>;
const all = <T extends Record<string, fc.Arbitrary<unknown>>>(fields: T) => fc.record(fields, exact) as unknown as fc.Arbitrary<JsonObject>;
const listOf = (item: fc.Arbitrary<JsonObject>, by: string) =>
  fc.uniqueArray(item, { minLength: 1, maxLength: 4, selector: (each) => JSON.stringify(each[by]) });
const ref = all({ name });
const ipv4 = fc.nat(65_535).map((n) => `10.1.${n >> 8}.${n & 255}`);

const samples: Readonly<Record<string, KindSamples>> = {
  Network: {
    spec: some({
      peerings: listOf(all({ name, networkRef: all({ name: name.map((each) => `other-${each}`) }) }), 'name').filter(
        (list) => new Set(list.map((each) => JSON.stringify(each['networkRef']))).size === list.length,
      ),
      incomingPeerings: listOf(all({ namespace: name, name, uid: name }), 'name'),
    }),
  },
  NetworkInterface: {
    fixed: { networkRef: { name: 'net' }, ipFamilies: ['IPv4'] },
    spec: some({
      providerID: name,
      machineRef: all({ name, uid: name }),
      prefixes: fc.array(all({ value: fc.constantFrom('10.9.0.0/24', '2001:db8::/64') }), { minLength: 1, maxLength: 2 }),
      virtualIP: all({ virtualIPRef: ref }),
    }).chain((rest) => ipv4.map((value) => ({ ...rest, ips: [{ value }] }))),
  },
  Machine: {
    spec: some({
      machineClassRef: ref,
      machinePoolRef: ref,
      machinePoolSelector: fc.dictionary(name, name, { minKeys: 1, maxKeys: 2, ...exact }),
      image: name,
      imagePullSecretRef: ref,
      networkInterfaces: listOf(all({ name, networkInterfaceRef: ref }), 'name'),
      volumes: fc.array(all({ name }), { minLength: 1, maxLength: 2 }),
      ignitionRef: all({ name, key: name }),
      efiVars: fc.array(all({ name, value: name }), { minLength: 1, maxLength: 2 }),
      tolerations: fc.array(all({ key: name }), { minLength: 1, maxLength: 2 }),
      guestConfig: all({ tz: name }),
    }).chain((rest) => fc.constantFrom('On', 'Off').map((power) => ({ ...rest, power }))),
  },
  Host: {
    spec: all({
      underlay: all({ ip: ipv4 }),
      roles: fc.subarray(['Compute', 'Edge'], { minLength: 1 }),
      unschedulable: fc.boolean(),
    }),
  },
  Namespace: {
    labels: { 'kubernetes.io/metadata.name': 'a' },
    spec: fc
      .uniqueArray(
        name.map((each) => `example.com/${each}`),
        { maxLength: 2 },
      )
      .map((more) => ({ finalizers: ['kubernetes', ...more] })),
  },
};

for (const kind of networkDomain.kinds.filter(isStored)) describeKind(networkDomain, kind, samples[kind.kind]!);
