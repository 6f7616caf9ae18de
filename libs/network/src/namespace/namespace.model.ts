import type { KindModule } from '@weft/api';

export const namespaceModel = {} as const satisfies NonNullable<KindModule['model']>;
