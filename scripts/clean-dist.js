// Old chunks have other hashes: without this they pile up beside the new ones.
import { rmSync } from 'node:fs';

rmSync(new URL('../apps/cli/dist', import.meta.url), { recursive: true, force: true });
