import type { SandboxNetwork } from './sandbox.ts';

/** What a run needs of the world beside what the configuration lets it reach. */
export interface NetworkNeeds {
  /** The model API through the gateway, which adds the key and meters. */
  readonly model?: boolean;
  /** Hosts the program itself cannot do without, as `sandbox.egress` writes them. */
  readonly hosts?: readonly string[];
  /** MCP servers that answer by HTTP, by name: they are asked from outside, which keeps their addresses and headers there. */
  readonly mcpServers?: Readonly<Record<string, RemoteMcpServer>>;
}

export interface RemoteMcpServer {
  /** `sse`: the older transport. Anything else: streamable HTTP. */
  readonly type?: unknown;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** The network of one run, as a command is to be started with it. */
export interface RunNetwork {
  readonly network: SandboxNetwork;
  /** Variables that lead programs to the way out; empty where the network is open. */
  readonly env: Readonly<Record<string, string>>;
  /** Present when `model` was needed: where the model answers, and what to show there. No secret of the provider's. */
  readonly model?: { readonly url: string; readonly key: string };
  /** Present when `mcpServers` were needed: where they answer inside, by name. Without any of their secrets. */
  readonly mcpServers?: Readonly<Record<string, string>>;
  /** Resolves once programs inside can use it. */
  readonly ready: Promise<void>;
}

/** Opens the network of one run when its program is about to start. Whoever gave it closes what was opened. */
export interface RunDoor {
  /** @throws FailureError `sandbox_lost` when no network can be made */
  open(needs: NetworkNeeds): Promise<RunNetwork>;
}
