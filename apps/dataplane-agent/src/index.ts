export { Agent, type FormerStore } from './agent/agent.ts';
export { createHostCommands } from './agent/host-commands.ts';
export { type AgentConfig, agentConfig } from './config.ts';
export { type AgentPlatform, type AgentSettings, createAgent, type RunningAgent } from './dataplane-agent.ts';
export { HostLockedError } from './host/host-lock.ts';
