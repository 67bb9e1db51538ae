import { defineConfig, type ViteUserConfig } from 'vitest/config';

const conditions = ['cyrus-source', 'node'];

const config: ViteUserConfig = defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    include: [
      'packages/*/src/**/*.test.ts',
      'packages/*/test/**/*.test.ts',
      'apps/*/**/*.test.ts',
      'stand-ins/*/**/*.test.ts',
      'e2e/**/*.test.ts',
    ],
    // Long enough for a machine that does five other things: they end what hangs, and measure nothing.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    expect: { poll: { timeout: 60_000 } },
    maxWorkers: 2,
  },
});

export default config;
