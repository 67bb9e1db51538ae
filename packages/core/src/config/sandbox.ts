import { z } from 'zod';
import { filled } from './pieces.ts';

export interface ContainerConfig {
  /** Absent: Podman, then Docker. */
  readonly engine?: 'podman' | 'docker';
  /** Absent: this host's own programs, shown in an empty image. */
  readonly image?: string;
  readonly pids?: number;
}
const container: z.ZodType<ContainerConfig> = z.object({
  engine: z.enum(['podman', 'docker']).exactOptional().describe('Absent: Podman, then Docker'),
  image: filled
    .exactOptional()
    .describe("An image with sh, git, node and what the checks need; it is not pulled. Absent: this host's own programs"),
  pids: z.number().int().min(16).max(1_000_000).exactOptional().describe('Processes of one agent, at most. Default: 4096'),
});

/** Hosts that may be reached: `host`, `*.host`, `host:port`, an address, or `registries` for the public package registries. */
export interface EgressConfig {
  /** By agents and checks. */
  readonly egress?: readonly string[];
  /** By setup, beside those. Absent: `registries`. */
  readonly setupEgress?: readonly string[];
  /** The model's provider may search the web for agents. */
  readonly webSearch?: boolean;
}
const hosts: z.ZodType<string[]> = z.array(
  z
    .string()
    .regex(
      /^(?:\*\.)?(?:[A-Za-z0-9](?:[A-Za-z0-9_.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::\d{1,5})?$|^[0-9A-Fa-f]*:[0-9A-Fa-f:.]+$/,
      'a host without https://: "example.com", "*.example.com", "example.com:8443", "10.0.0.7", or "registries"',
    ),
);
const egressKeys = {
  egress: hosts.exactOptional().describe('Hosts that agents and checks may reach beside the model. Absent: none'),
  setupEgress: hosts
    .exactOptional()
    .describe('Hosts that setup may reach beside those. Absent: "registries", the public package registries'),
  webSearch: z
    .boolean()
    .exactOptional()
    .describe("true: the model's provider may search the web for agents; what they search for leaves by it. Absent: false"),
};
/** Of one repository. */
export const egress: z.ZodType<EgressConfig> = z.object(egressKeys);

export interface SandboxConfig extends EgressConfig {
  /** Host paths an agent may read beside its checkout and the system. */
  readonly readable?: readonly string[];
  readonly memoryMb?: number;
  /** Absent: the best there is on this machine. */
  readonly isolation?: 'bwrap' | 'seatbelt' | 'container';
  readonly container?: ContainerConfig;
}
export const sandbox: z.ZodType<SandboxConfig> = z.object({
  ...egressKeys,
  readable: z.array(filled).exactOptional().describe('Host paths an agent may read beside its checkout and the system'),
  memoryMb: z.number().int().min(64).exactOptional().describe('Memory of one agent, at most; held by containers'),
  isolation: z
    .enum(['bwrap', 'seatbelt', 'container'])
    .exactOptional()
    .describe('What holds agents in. Absent: the best there is: bwrap (Linux), seatbelt (macOS), else container'),
  container: container.exactOptional().describe('For hosts without bubblewrap: agents in containers of Podman or Docker'),
});
