/** One thing whose space can be given back, or was. */
export interface GcItem {
  readonly kind:
    | 'checkout'
    | 'waiting-checkout'
    | 'saved-work'
    | 'mirror'
    | 'large-files'
    | 'conversation'
    | 'attachments'
    | 'database-binaries';
  /** A path, or a ref of a mirror. */
  readonly what: string;
  readonly repositoryId?: string;
  /** 0: its space comes back with the next generation of the mirror. */
  readonly bytes: number;
  readonly why: string;
}

export interface GcReport {
  readonly dryRun: boolean;
  readonly items: readonly GcItem[];
  /** What should go and could not. */
  readonly kept: readonly { readonly what: string; readonly why: string }[];
  readonly freedBytes: number;
}
