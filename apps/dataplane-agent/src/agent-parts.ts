/** Token of what the application runs: `readonly Part[]`. */
export const AGENT_PARTS = Symbol('agent parts');
