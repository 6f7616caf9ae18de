import type { KindModule } from '@weft/api';

export const networkInterfaceModel = {} as const satisfies NonNullable<KindModule['model']>;
