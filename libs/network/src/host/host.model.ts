import type { KindModule } from '@weft/api';

export const hostModel = {} as const satisfies NonNullable<KindModule['model']>;
