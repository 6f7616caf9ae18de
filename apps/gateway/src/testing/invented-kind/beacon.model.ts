/** Beacon: a kind that nobody but its folder knows. It stands in a network, sends on a channel from a small stock, and has a colour. */
import { ConditionModel, Int, type KindModule, LocalObjectReference, Nested, NestedList, Text } from '@weft/api';

export class BeaconSpec {
  @Nested(() => LocalObjectReference, 'Network that it stands in.') readonly networkRef?: LocalObjectReference;
  @Text('What it looks like.', { values: ['red', 'green', 'blue'] }) readonly colour?: string;
}

export class BeaconStatus {
  @Text('Whether it is seen.', { values: ['Dark', 'Shining'] }) readonly state?: string;
  @Int('Channel that it sends on.') readonly channel?: number;
  @NestedList(() => ConditionModel, 'What holds of it, and why.', { mergeKey: 'type' }) readonly conditions?: ConditionModel[];
}

export const beaconModel = { spec: BeaconSpec, status: BeaconStatus } as const satisfies NonNullable<KindModule['model']>;
