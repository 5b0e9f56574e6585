// A small document indexer: generates log-like JSON documents, parses and
// tokenises them, builds an inverted index, ranks queries, and writes
// compressed, checksummed segments.  It profiles itself with the pprof crate.
//
//   docindex <seconds> <output.pb>

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Write};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use flate2::Compression;
use pprof::protos::Message;
use regex::Regex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

const WORDS: &[&str] = &[
    "index", "vacuum", "tuple", "page", "buffer", "checkpoint", "replica", "slot", "snapshot",
    "transaction", "lock", "wait", "latch", "relation", "catalog", "planner", "join", "hash",
    "merge", "sort", "spill", "temp", "segment", "archive", "timeout", "connection", "pool",
];

struct Rng(u64);

impl Rng {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }
}

#[derive(Serialize, Deserialize, Clone)]
struct Document {
    id: u64,
    title: String,
    body: String,
    tags: Vec<String>,
    meta: BTreeMap<String, String>,
}

#[derive(Default)]
struct Index {
    postings: HashMap<String, Vec<(u64, u32)>>,
    lengths: HashMap<u64, usize>,
}

#[inline(never)]
fn generate(rng: &mut Rng, id: u64) -> String {
    let mut body = String::new();
    for i in 0..120 {
        let w = WORDS[rng.below(WORDS.len())];
        if i % 11 == 0 {
            body.push_str(&format!("user{}@host{}.test ", rng.below(900), rng.below(40)));
        } else if i % 7 == 0 {
            body.push_str(&format!("{}ms ", rng.below(10_000)));
        }
        body.push_str(w);
        body.push(if i % 13 == 0 { '.' } else { ' ' });
    }
    let doc = Document {
        id,
        title: format!("{} {}", WORDS[rng.below(WORDS.len())], id),
        body,
        tags: (0..4).map(|_| WORDS[rng.below(WORDS.len())].to_string()).collect(),
        meta: (0..5).map(|k| (format!("key{k}"), format!("{:x}", rng.next()))).collect(),
    };
    serde_json::to_string(&doc).unwrap()
}

#[inline(never)]
fn parse(json: &str) -> Document {
    serde_json::from_str(json).unwrap()
}

#[inline(never)]
fn redact(email: &Regex, dur: &Regex, text: &str) -> String {
    let t = email.replace_all(text, "<email>");
    dur.replace_all(&t, |c: &regex::Captures| {
        let ms: u64 = c[1].parse().unwrap_or(0);
        format!("{:.1}s", ms as f64 / 1000.0)
    })
    .into_owned()
}

#[inline(never)]
fn tokenize(text: &str) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    for tok in text.split(|c: char| !c.is_alphanumeric()) {
        if tok.len() > 1 {
            *counts.entry(tok.to_lowercase()).or_insert(0) += 1;
        }
    }
    counts
}

impl Index {
    #[inline(never)]
    fn add(&mut self, id: u64, counts: HashMap<String, u32>) {
        self.lengths.insert(id, counts.values().map(|c| *c as usize).sum());
        for (tok, n) in counts {
            self.postings.entry(tok).or_default().push((id, n));
        }
    }

    #[inline(never)]
    fn score(&self, term: &str) -> Vec<(u64, f64)> {
        let total = self.lengths.len() as f64;
        match self.postings.get(term) {
            None => vec![],
            Some(list) => {
                let idf = (total / list.len() as f64).ln_1p();
                list.iter()
                    .map(|(id, n)| (*id, *n as f64 * idf / (self.lengths[id] as f64).sqrt()))
                    .collect()
            }
        }
    }

    #[inline(never)]
    fn query(&self, terms: &[&str]) -> Vec<(u64, f64)> {
        let mut acc: HashMap<u64, f64> = HashMap::new();
        for t in terms {
            for (id, s) in self.score(t) {
                *acc.entry(id).or_insert(0.0) += s;
            }
        }
        let mut out: Vec<_> = acc.into_iter().collect();
        out.sort_by(|a, b| b.1.partial_cmp(&a.1).unwrap().then(a.0.cmp(&b.0)));
        out.truncate(10);
        out
    }

    #[inline(never)]
    fn top_terms(&self) -> Vec<(&String, usize)> {
        let mut v: Vec<_> = self.postings.iter().map(|(t, l)| (t, l.len())).collect();
        v.sort_by_key(|(t, n)| (Reverse(*n), (*t).clone()));
        v
    }
}

#[inline(never)]
fn write_segment(docs: &[Document]) -> (Vec<u8>, String) {
    let mut enc = GzEncoder::new(Vec::new(), Compression::new(2));
    let mut sum = Sha256::new();
    for d in docs {
        let line = serde_json::to_vec(d).unwrap();
        sum.update(&line);
        enc.write_all(&line).unwrap();
        enc.write_all(b"\n").unwrap();
    }
    (enc.finish().unwrap(), format!("{:x}", sum.finalize()))
}

#[inline(never)]
fn verify_segment(seg: &[u8], sum: &str) -> usize {
    let mut text = String::new();
    GzDecoder::new(seg).read_to_string(&mut text).unwrap();
    let mut h = Sha256::new();
    let mut n = 0;
    for line in text.lines() {
        h.update(line.as_bytes());
        n += 1;
    }
    assert_eq!(format!("{:x}", h.finalize()), sum);
    n
}

fn fuzzy(a: &[u8], b: &[u8], i: usize, j: usize, left: i32) -> bool {
    // recursive on purpose: gives deep and varied stacks
    if left < 0 {
        return false;
    }
    if i == a.len() || j == b.len() {
        return ((a.len() - i) + (b.len() - j)) as i32 <= left;
    }
    if a[i] == b[j] {
        return fuzzy(a, b, i + 1, j + 1, left);
    }
    fuzzy(a, b, i + 1, j, left - 1) || fuzzy(a, b, i, j + 1, left - 1)
}

#[inline(never)]
fn suggest(index: &Index, word: &str) -> usize {
    index
        .postings
        .keys()
        .filter(|k| fuzzy(k.as_bytes(), word.as_bytes(), 0, 0, 3))
        .count()
}

fn worker(seed: u64, until: Instant, stats: Arc<Mutex<[u64; 4]>>) {
    let mut rng = Rng(seed);
    let email = Regex::new(r"[a-z0-9]+@[a-z0-9.]+\.[a-z]{2,}").unwrap();
    let dur = Regex::new(r"\b(\d+)ms\b").unwrap();
    while Instant::now() < until {
        let mut index = Index::default();
        let mut docs = Vec::new();
        for id in 0..150 {
            let mut d = parse(&generate(&mut rng, id));
            d.body = redact(&email, &dur, &d.body);
            index.add(id, tokenize(&d.body));
            docs.push(d);
        }
        let mut hits = 0;
        for _ in 0..60 {
            let a = WORDS[rng.below(WORDS.len())];
            let b = WORDS[rng.below(WORDS.len())];
            hits += index.query(&[a, b, "email"]).len();
            hits += suggest(&index, a);
        }
        hits += index.top_terms().len();
        let (seg, sum) = write_segment(&docs);
        let n = verify_segment(&seg, &sum);
        let mut s = stats.lock().unwrap();
        s[0] += n as u64;
        s[1] += hits as u64;
        s[2] += seg.len() as u64;
        s[3] += 1;
    }
}

fn main() {
    let args: Vec<String> = std::env::args().collect();
    let secs: u64 = args.get(1).and_then(|s| s.parse().ok()).unwrap_or(8);
    let out = args.get(2).cloned().unwrap_or_else(|| "rust-cpu.pb".into());

    let guard = pprof::ProfilerGuardBuilder::default()
        .frequency(99)
        .blocklist(&["libc", "libgcc", "pthread", "vdso"])
        .build()
        .unwrap();

    let until = Instant::now() + Duration::from_secs(secs);
    let stats = Arc::new(Mutex::new([0u64; 4]));
    let threads: Vec<_> = (0..2)
        .map(|i| {
            let stats = stats.clone();
            std::thread::Builder::new()
                .name(format!("indexer-{i}"))
                .spawn(move || worker(0x9E3779B97F4A7C15 + i, until, stats))
                .unwrap()
        })
        .collect();
    for t in threads {
        t.join().unwrap();
    }

    let report = guard.report().build().unwrap();
    let profile = report.pprof().unwrap();
    std::fs::write(&out, profile.encode_to_vec()).unwrap();
    let s = stats.lock().unwrap();
    println!("{} documents, {} hits, {} bytes, {} rounds", s[0], s[1], s[2], s[3]);
}
