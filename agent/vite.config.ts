// Builds the agent into one file without dependencies: `vite build --config agent/vite.config.ts` writes
// dist/agent/sallyport-agent.mjs, which Node 24 runs.

import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';

export default defineConfig({
  root: fileURLToPath(new URL('.', import.meta.url)),
  publicDir: false,
  // Everything but Node's own modules goes in; ws looks for native helpers that only speed up masking, which is off.
  ssr: { noExternal: true, external: ['bufferutil', 'utf-8-validate'] },
  build: {
    ssr: 'main.ts',
    target: 'node24',
    outDir: '../dist/agent',
    emptyOutDir: true,
    rollupOptions: { output: { entryFileNames: 'sallyport-agent.mjs', codeSplitting: false } },
  },
});
