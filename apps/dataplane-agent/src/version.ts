/** Shown as `status.agent.version` of the Host; that of the package. */
export const AGENT_VERSION = '0.1.0';
