// Bundles page.jsx into the folder given, beside the component's icons and
// the speedscope application.
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const out = resolve(process.argv[2] ?? join(here, 'dist'));

// The CommonJS builds: their imports of other CommonJS modules mean what
// TypeScript means by them, while in an .mjs file esbuild follows Node, in which
// a default export would be the whole module.
const grafana = Object.fromEntries(
  ['data', 'flamegraph', 'ui'].map((name) => [
    `@grafana/${name}`,
    join(here, `node_modules/@grafana/${name}/dist/cjs/index.cjs`),
  ])
);

mkdirSync(out, { recursive: true });
await build({
  absWorkingDir: here,
  entryPoints: ['page.jsx'],
  outfile: join(out, 'page.js'),
  bundle: true,
  format: 'iife',
  jsx: 'automatic',
  target: 'es2022',
  logLevel: 'error',
  alias: { ...grafana, '@grafana/assistant': './assistant.js' },
  define: { 'process.env.NODE_ENV': '"production"', 'process.env': '{}', global: 'window' },
  loader: { '.woff': 'dataurl', '.woff2': 'dataurl', '.ttf': 'dataurl', '.svg': 'dataurl', '.png': 'dataurl' },
});
writeFileSync(
  join(out, 'index.html'),
  `<!doctype html><meta charset="utf-8"><title>pyro_ext</title>
<link rel="icon" href="data:,"><div id="root"></div><script src="page.js"></script>\n`
);
cpSync(join(here, 'node_modules/@grafana/ui/dist/public'), join(out, 'public/build'), { recursive: true });
cpSync(join(here, 'node_modules/speedscope/dist/release'), join(out, 'speedscope'), { recursive: true });
