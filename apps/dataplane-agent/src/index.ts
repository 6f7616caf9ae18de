export type { Agent } from './agent/agent.ts';
export { type AgentConfig, agentConfig, uplinkSettingsWithoutEffect } from './config.ts';
export { type AgentPlatform, type AgentSettings, agentOf, createAgent, type RunningAgent } from './dataplane-agent.ts';
export type { AgentFiles } from './host/agent-files.ts';
export { HostLockedError } from './host/host-lock.ts';
