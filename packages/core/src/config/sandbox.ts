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

export interface SandboxConfig {
  /** Hosts an agent may reach beside its model. */
  readonly egress?: readonly string[];
  /** Host paths an agent may read beside its checkout and the system. */
  readonly readable?: readonly string[];
  readonly memoryMb?: number;
  /** Absent: the best there is on this machine. */
  readonly isolation?: 'bwrap' | 'seatbelt' | 'container';
  readonly container?: ContainerConfig;
}
export const sandbox: z.ZodType<SandboxConfig> = z.object({
  egress: z.array(filled).exactOptional().describe('Hosts an agent may reach beside its model'),
  readable: z.array(filled).exactOptional().describe('Host paths an agent may read beside its checkout and the system'),
  memoryMb: z.number().int().min(64).exactOptional().describe('Memory of one agent, at most; held by containers'),
  isolation: z
    .enum(['bwrap', 'seatbelt', 'container'])
    .exactOptional()
    .describe('What holds agents in. Absent: the best there is: bwrap (Linux), seatbelt (macOS), else container'),
  container: container.exactOptional().describe('For hosts without bubblewrap: agents in containers of Podman or Docker'),
});
