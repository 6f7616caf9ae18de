/** Injection tokens of a service's module. */

/** `Platform`: what the service was given. */
export const PLATFORM = Symbol('platform');
/** `ContextRuntime`: writer, loops, projector and leases of the service's context. */
export const CONTEXT_RUNTIME = Symbol('context runtime');
/** `Figures`: those of the process. */
export const FIGURES = Symbol('figures');
/** `readonly Part[]`, in the order of their start. */
export const SERVICE_PARTS = Symbol('service parts');
