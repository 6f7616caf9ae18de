import type { KindModule } from '@weft/api';

export const machineModel = {} as const satisfies NonNullable<KindModule['model']>;
