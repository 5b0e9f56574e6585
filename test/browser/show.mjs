// Shows cases in a browser and prints what was seen as one JSON document.
//
//   node show.mjs PAGES OUTPUT
//
// PAGES is what build.mjs made, with the cases in PAGES/cases.  A picture of
// each goes to OUTPUT.  CHROMIUM in the environment is the browser.
import { createReadStream, mkdirSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import Ajv from 'ajv';
import { chromium } from 'playwright-core';

const [pages, output] = process.argv.slice(2);
const types = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.json': 'application/json',
  '.svg': 'image/svg+xml',
  '.wasm': 'application/wasm',
};

function serve() {
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url, 'http://localhost').pathname));
    let file = join(pages, path);
    try {
      if (statSync(file).isDirectory()) {
        file = join(file, 'index.html');
      }
      statSync(file);
    } catch {
      response.writeHead(404).end();
      return;
    }
    response.writeHead(200, { 'Content-Type': types[extname(file)] ?? 'application/octet-stream' });
    createReadStream(file).pipe(response);
  });
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

// Errors of the page, but those for an icon or font that its package lacks.
function collectErrors(page, errors) {
  page.on('pageerror', (error) => errors.push(String(error)));
  page.on('console', (message) => {
    if (message.type() === 'error' && !/Failed to load resource|\/public\/|react-inlinesvg/.test(message.text())) {
      errors.push(message.text());
    }
  });
}

async function showGrafana(browser, address, name) {
  const errors = [];
  const page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
  collectErrors(page, errors);
  await page.goto(`${address}/?case=${name}`);
  const seen = { failure: null, errors };
  try {
    await page.waitForSelector('[data-testid="flameGraph"], #failure', { timeout: 60000 });
    // until two looks in a row see the same
    let last = '';
    for (let i = 0; i < 60; i++) {
      await page.waitForTimeout(250);
      const now = JSON.stringify(await page.evaluate(() => window.drawn));
      if (now === last && i > 2) {
        break;
      }
      last = now;
    }
    Object.assign(
      seen,
      await page.evaluate(() => {
        const canvas = document.querySelector('[data-testid="flameGraph"]');
        return {
          failure: document.getElementById('failure')?.textContent ?? null,
          text: document.body.innerText,
          width: canvas?.width ?? 0,
          levels: (canvas?.height ?? 0) / (22 * window.devicePixelRatio),
          nodes: window.drawn.nodes,
          labels: window.drawn.labels,
        };
      })
    );
  } catch (error) {
    seen.failure = String(error);
  }
  await page.screenshot({ path: join(output, `${name}.png`) });
  await page.close();
  return seen;
}

async function showSpeedscope(browser, address, name, file) {
  const errors = [];
  const page = await browser.newPage({ viewport: { width: 1600, height: 900 } });
  const schema = JSON.parse(readFileSync(join(pages, 'speedscope/file-format-schema.json'), 'utf8'));
  const ajv = new Ajv({ strict: false });
  const validate = ajv.compile(schema);
  const document = JSON.parse(readFileSync(file, 'utf8'));
  const seen = { valid: validate(document), violations: validate.errors, errors };
  collectErrors(page, errors);
  const profile = encodeURIComponent(`${address}/speedscope-cases/${name}.json`);
  await page.goto(`${address}/speedscope/index.html#profileURL=${profile}&view=left-heavy`);
  try {
    await page.waitForFunction(() => document.title !== 'speedscope', null, { timeout: 30000 });
    await page.waitForTimeout(1000);
    seen.title = await page.title();
    seen.text = await page.evaluate(() => document.body.innerText);
  } catch (error) {
    seen.failure = String(error);
  }
  await page.screenshot({ path: join(output, `speedscope-${name}.png`) });
  // the table of functions, in which every name and time can be read
  await page.keyboard.press('3');
  await page.waitForTimeout(500);
  seen.sandwich = await page.evaluate(() => document.body.innerText);
  await page.screenshot({ path: join(output, `speedscope-${name}-functions.png`) });
  await page.close();
  return seen;
}

function caseNames(folder) {
  return readdirSync(join(pages, folder))
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -5));
}

mkdirSync(output, { recursive: true });
const server = await serve();
const address = `http://127.0.0.1:${server.address().port}`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--enable-unsafe-swiftshader'],
});
const result = { version: browser.version(), grafana: {}, speedscope: {} };
try {
  for (const name of caseNames('cases')) {
    result.grafana[name] = await showGrafana(browser, address, name);
  }
  for (const name of caseNames('speedscope-cases')) {
    result.speedscope[name] = await showSpeedscope(
      browser,
      address,
      name,
      join(pages, 'speedscope-cases', `${name}.json`)
    );
  }
} finally {
  await browser.close();
  server.close();
}
console.log(JSON.stringify(result));
