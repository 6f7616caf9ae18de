import type { KindModule } from '@weft/api';

export const eventModel = {} as const satisfies NonNullable<KindModule['model']>;
