'use strict';
// A small wiki: an HTTP server on the loopback interface that renders pages,
// searches, diffs and exports, and a client in the same process.
//
//   node workload.js SECONDS WALL.pb.gz HEAP.pb.gz

const http = require('node:http');
const zlib = require('node:zlib');
const crypto = require('node:crypto');
const fs = require('node:fs');
const { promisify } = require('node:util');
const { EventEmitter } = require('node:events');
const pprof = require('@datadog/pprof');

const gzip = promisify(zlib.gzip);
const WORDS = ('index vacuum tuple page buffer checkpoint replica slot snapshot transaction lock ' +
  'wait latch relation catalog planner join hash merge sort spill temp segment archive').split(' ');

let seed = 42;
function random(n) {
  seed = (seed * 1103515245 + 12345) & 0x7fffffff;
  return seed % n;
}
const word = () => WORDS[random(WORDS.length)];
const sentence = (n) => Array.from({ length: n }, word).join(' ');

function makePage(id) {
  const out = [`# ${word()} ${id}`];
  for (let i = 0; i < 14; i++) {
    switch (random(5)) {
      case 0: out.push(`## ${sentence(3)}`); break;
      case 1: out.push(Array.from({ length: 5 }, () => `* *${word()}* ${sentence(6)}`).join('\n')); break;
      case 2: out.push('```\nselect ' + sentence(5).replace(/ /g, ', ') + ';\n```'); break;
      default: out.push(`${sentence(20)} **${word()}** [${word()}](/page/${random(60)}) ${sentence(10)}.`);
    }
  }
  return out.join('\n\n');
}

// ---- a small markdown renderer
class Tokenizer {
  constructor(text) { this.blocks = text.split(/\n\n+/); }
  * [Symbol.iterator]() {
    for (const b of this.blocks) {
      const h = /^(#{1,6}) (.*)$/.exec(b);
      if (h) yield { type: 'heading', level: h[1].length, text: h[2] };
      else if (b.startsWith('```')) yield { type: 'code', text: b.slice(4, -4) };
      else if (/^\* /.test(b)) yield { type: 'list', items: b.split(/^\* /m).filter(Boolean) };
      else yield { type: 'paragraph', text: b };
    }
  }
}
const escapeHtml = (s) => s.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
function inline(text) {
  return escapeHtml(text)
    .replace(/\*\*(.+?)\*\*/g, (_, t) => `<b>${t}</b>`)
    .replace(/\*(.+?)\*/g, (_, t) => `<i>${t}</i>`)
    .replace(/\[(.+?)\]\((.+?)\)/g, (_, t, u) => `<a href="${encodeURI(u)}">${t}</a>`);
}
function highlight(code) {
  return code.split(/\b/).map((t) => (t === 'select' ? `<em>${t}</em>` : escapeHtml(t))).join('');
}
const renderers = {
  heading: (b) => `<h${b.level}>${inline(b.text)}</h${b.level}>`,
  code: (b) => `<pre>${highlight(b.text)}</pre>`,
  list: (b) => `<ul>${b.items.map((i) => `<li>${inline(i)}</li>`).join('')}</ul>`,
  paragraph: (b) => `<p>${inline(b.text)}</p>`,
};
function render(text) {
  const out = [];
  for (const block of new Tokenizer(text)) out.push(renderers[block.type](block));
  return out.join('\n');
}

// ---- longest common subsequence of two texts' lines
function diff(a, b) {
  const x = a.split(/\s+/), y = b.split(/\s+/);
  const t = Array.from({ length: x.length + 1 }, () => new Uint16Array(y.length + 1));
  for (let i = x.length - 1; i >= 0; i--) {
    for (let j = y.length - 1; j >= 0; j--) {
      t[i][j] = x[i] === y[j] ? t[i + 1][j + 1] + 1 : Math.max(t[i + 1][j], t[i][j + 1]);
    }
  }
  const out = [];
  (function walk(i, j) {
    while (i < x.length && j < y.length) {
      if (x[i] === y[j]) { i++; j++; } else if (t[i + 1][j] >= t[i][j + 1]) out.push('-' + x[i++]);
      else out.push('+' + y[j++]);
    }
  })(0, 0);
  return out;
}

class Store extends EventEmitter {
  constructor() {
    super();
    this.pages = new Map();
    this.history = [];
    this.index = new Map();
    this.on('change', (id, text) => this.reindex(id, text));
    this.on('change', (id) => this.audit(id));
  }
  put(id, text) {
    const old = this.pages.get(id);
    this.pages.set(id, text);
    if (old !== undefined) this.history.push({ id, patch: diff(old.slice(0, 600), text.slice(0, 600)) });
    if (this.history.length > 400) this.history.splice(0, 100);
    this.emit('change', id, text);
  }
  reindex(id, text) {
    for (const w of text.toLowerCase().match(/[a-z]+/g) || []) {
      let m = this.index.get(w);
      if (!m) this.index.set(w, m = new Map());
      m.set(id, (m.get(id) || 0) + 1);
    }
  }
  audit(id) {
    this.etag = crypto.createHash('sha256').update(JSON.stringify([id, this.history.length])).digest('hex');
  }
  search(q) {
    const hits = new Map();
    for (const w of q.split(' ')) {
      for (const [id, n] of this.index.get(w) || []) hits.set(id, (hits.get(id) || 0) + Math.log1p(n));
    }
    return [...hits].sort((a, b) => b[1] - a[1] || a[0] - b[0]).slice(0, 20)
      .map(([id, score]) => ({ id, score, extract: this.pages.get(id).slice(0, 80) }));
  }
}

const store = new Store();
for (let i = 0; i < 60; i++) store.put(i, makePage(i));

async function exportAll(ids) {
  const parts = await Promise.all(ids.map(async (id) => {
    const html = render(store.pages.get(id));
    return (await gzip(html)).toString('base64');
  }));
  return JSON.stringify(parts);
}
const login = promisify(crypto.pbkdf2);

async function handle(req, res) {
  const url = new URL(req.url, 'http://wiki.test');
  const [, what, arg] = url.pathname.split('/');
  res.setHeader('ETag', store.etag);
  if (what === 'page' && req.method === 'PUT') {
    const chunks = [];
    for await (const c of req) chunks.push(c);
    store.put(Number(arg), JSON.parse(Buffer.concat(chunks).toString()).text);
    return res.end('{}');
  }
  if (what === 'page') return res.end(render(store.pages.get(Number(arg))));
  if (what === 'search') return res.end(JSON.stringify(store.search(url.searchParams.get('q')), null, 1));
  if (what === 'export') return res.end(await exportAll([1, 2, 3, 4, 5, 6]));
  return res.end((await login('secret', 'salt', 500, 32, 'sha256')).toString('hex'));
}

function request(port, method, path, body) {
  return new Promise((resolve, reject) => {
    const req = http.request({ host: '127.0.0.1', port, method, path, agent }, (res) => {
      let n = 0;
      res.on('data', (d) => { n += d.length; });
      res.on('end', () => resolve(n));
    });
    req.on('error', reject);
    req.end(body);
  });
}
const agent = new http.Agent({ keepAlive: true, maxSockets: 4 });

async function client(port, until) {
  let n = 0;
  while (Date.now() < until) {
    const id = random(60);
    switch (random(8)) {
      case 0: case 1: await request(port, 'PUT', `/page/${id}`, JSON.stringify({ text: makePage(id) })); break;
      case 2: case 3: await request(port, 'GET', `/search?q=${word()}+${word()}`); break;
      case 4: await request(port, 'GET', '/export'); break;
      case 5: await request(port, 'GET', '/login'); break;
      default: await request(port, 'GET', `/page/${id}`);
    }
    n++;
  }
  return n;
}

async function main() {
  const [seconds, wallFile, heapFile] = process.argv.slice(2);
  const server = http.createServer((req, res) => {
    handle(req, res).catch((e) => { res.statusCode = 500; res.end(String(e)); });
  });
  await new Promise((r) => server.listen(0, '127.0.0.1', r));
  pprof.heap.start(16 * 1024, 64);
  pprof.time.start({ intervalMicros: 2000, durationMillis: seconds * 1000 });
  const until = Date.now() + seconds * 1000;
  const counts = await Promise.all([1, 2, 3].map(() => client(server.address().port, until)));
  const wall = pprof.time.stop();
  const heap = pprof.heap.profile();
  fs.writeFileSync(wallFile, await pprof.encode(wall));
  fs.writeFileSync(heapFile, await pprof.encode(heap));
  pprof.heap.stop();
  agent.destroy();
  server.close();
  console.log(counts.reduce((a, b) => a + b), 'requests');
}
main();
