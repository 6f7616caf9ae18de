import { CONTEXTS, type Context } from '@weft/api';

export type OwningService = `${Context}-svc`;

/** The name of the service that owns a context: of its app, its health subject, its process. */
function serviceOf(context: Context): OwningService {
  return `${context}-svc`;
}

/** The services of all contexts. */
export const OWNING_SERVICES: readonly OwningService[] = CONTEXTS.map(serviceOf);
