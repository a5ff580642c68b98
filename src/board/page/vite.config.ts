import { defineConfig } from 'vite';

export default defineConfig({
  root: import.meta.dirname,
  base: './',
  build: {
    outDir: '../../../dist/board/page',
    emptyOutDir: true,
    target: 'es2022',
    modulePreload: { polyfill: false },
  },
  esbuild: { jsx: 'automatic', jsxImportSource: 'preact', jsxDev: false },
});
