import type { KindModule } from '@weft/api';

export const networkModel = {} as const satisfies NonNullable<KindModule['model']>;
