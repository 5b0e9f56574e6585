"""A small batch job: reads order records, validates, aggregates and reports.

    python3 workload.py SECONDS                   only runs (for py-spy)
    python3 workload.py SECONDS cpu  OUT.pb.gz    with google-cloud-profiler's
    python3 workload.py SECONDS wall OUT.pb.gz    CPU or wall profiler
"""

import ast
import base64
import csv
import datetime
import difflib
import fractions
import hashlib
import heapq
import html
import io
import json
import random
import re
import string
import sys
import textwrap
import threading
import time
import tokenize
import xml.etree.ElementTree as ET
import zlib
from collections import Counter, defaultdict
from decimal import Decimal

WORDS = ("lamp chair table desk shelf mirror carpet curtain pillow blanket "
         "basket vase clock candle frame stool bench cabinet drawer rack").split()

EMAIL = re.compile(r"^[\w.+-]+@[\w-]+\.[\w.]+$")


def random_order(rng):
    return {
        "id": "ORD-%06d" % rng.randrange(10**6),
        "email": "%s.%d@mail.test" % (rng.choice(WORDS), rng.randrange(1000)),
        "created": datetime.datetime(2024, 1 + rng.randrange(12), 1 + rng.randrange(28)).isoformat(),
        "items": [
            {"sku": "%s-%04d" % (rng.choice(WORDS)[:3].upper(), rng.randrange(10**4)),
             "qty": rng.randrange(1, 9),
             "price": "%.2f" % (rng.random() * 500),
             "title": rng.choice(WORDS) + " " + rng.choice(WORDS)}
            for _ in range(rng.randrange(3, 12))
        ],
    }


class ValidationError(ValueError):
    pass


def validate(order):
    if not EMAIL.match(order["email"]):
        raise ValidationError(order["email"])
    for item in order["items"]:
        # compiled by re's own cache on each call
        if not re.fullmatch(r"[A-Z]{3}-\d{4}", item["sku"]):
            raise ValidationError(item["sku"])
    datetime.datetime.fromisoformat(order["created"])


def total(order):
    return sum((Decimal(i["price"]) * i["qty"] for i in order["items"]), Decimal(0))


class Ledger:
    def __init__(self):
        self.lock = threading.Lock()
        self.by_month = defaultdict(Decimal)
        self.titles = Counter()
        self.top = []

    def add(self, order):
        amount = total(order)
        with self.lock:
            self.by_month[order["created"][:7]] += amount
            for item in order["items"]:
                self.titles[item["title"]] += item["qty"]
            heapq.heappush(self.top, (amount, order["id"]))
            if len(self.top) > 20:
                heapq.heappop(self.top)

    def report(self):
        rows = sorted(self.by_month.items())
        out = io.StringIO()
        w = csv.writer(out)
        for month, amount in rows:
            w.writerow([month, f"{amount:,.2f}"])
        for title, n in self.titles.most_common(20):
            w.writerow([title, n])
        return out.getvalue()


def to_xml(order):
    root = ET.Element("order", id=order["id"])
    for item in order["items"]:
        e = ET.SubElement(root, "item", {k: str(v) for k, v in item.items()})
        e.text = html.escape(item["title"])
    return ET.tostring(root)


def from_xml(data):
    return [dict(e.attrib) for e in ET.fromstring(data).iter("item")]


def pack(text):
    raw = zlib.compress(text.encode(), 6)
    return base64.b64encode(raw).decode(), hashlib.sha256(raw).hexdigest()


def unpack(packed, digest):
    raw = base64.b64decode(packed)
    assert hashlib.sha256(raw).hexdigest() == digest
    return zlib.decompress(raw).decode()


def permutations(s):
    if len(s) <= 1:
        yield s
        return
    for i, c in enumerate(s):
        for rest in permutations(s[:i] + s[i + 1:]):
            yield c + rest


def closest_titles(ledger, word):
    return difflib.get_close_matches(word, list(ledger.titles), n=3, cutoff=0.5)


class Evaluator(ast.NodeVisitor):
    """Prices given as formulas: evaluated by walking the syntax tree."""

    def visit_Expression(self, node):
        return self.visit(node.body)

    def visit_BinOp(self, node):
        a, b = self.visit(node.left), self.visit(node.right)
        if isinstance(node.op, ast.Add):
            return a + b
        if isinstance(node.op, ast.Sub):
            return a - b
        return a * b

    def visit_Constant(self, node):
        return fractions.Fraction(node.value)


def evaluate(formula):
    return Evaluator().visit(ast.parse(formula, mode="eval"))


def count_tokens(source):
    return Counter(t.type for t in tokenize.generate_tokens(io.StringIO(source).readline))


def render(ledger):
    tpl = string.Template("$n. $title: $qty")
    lines = [tpl.substitute(n=i, title=t, qty=q)
             for i, (t, q) in enumerate(ledger.titles.most_common(15), 1)]
    return textwrap.fill(" ".join(lines), width=60)


def process_batch(rng, ledger, n):
    lines = [json.dumps(random_order(rng), indent=1) for _ in range(n)]
    orders = [json.loads(line) for line in lines]
    for order in orders:
        validate(order)
        ledger.add(order)
        items = from_xml(to_xml(order))
        assert len(items) == len(order["items"])
    return pack("\n".join(lines))


def worker(seed, until, ledger):
    rng = random.Random(seed)
    while time.monotonic() < until:
        packed, digest = process_batch(rng, ledger, 30)
        unpack(packed, digest)
        ledger.report()
        closest_titles(ledger, rng.choice(WORDS) + " " + rng.choice(WORDS))
        for _ in range(20):
            a, b, c = (rng.randrange(1, 99) for _ in range(3))
            evaluate(f"({a} + {b}) * {c} - {a} * ({b} + {c} * ({a} - {b}))")
        count_tokens("def price(a, b):\n    return (a + b) * 1.19\n" * 12)
        sum(1 for _ in permutations("pricing"[: rng.randrange(4, 7)]))
        render(ledger)
        time.sleep(0.002)


def run(seconds):
    until = time.monotonic() + seconds
    ledger = Ledger()
    threads = [threading.Thread(target=worker, args=(i, until, ledger), name=f"batch-{i}")
               for i in range(2)]
    for t in threads:
        t.start()
    worker(99, until, ledger)
    for t in threads:
        t.join()
    print(len(ledger.report()), "bytes in the report")


def main():
    seconds = float(sys.argv[1])
    if len(sys.argv) < 4:
        run(seconds)
        return
    kind, path = sys.argv[2:4]
    ns = int(seconds * 1e9)
    if kind == "cpu":
        from googlecloudprofiler.cpu_profiler import CPUProfiler
        profiler = CPUProfiler(period_ms=10)
    else:
        from googlecloudprofiler.pythonprofiler import WallProfiler

        class Profiler(WallProfiler):
            # From Python 3.11 on f_lineno may be None, which the profiler
            # does not expect: 0 ("no line") stands for it here.
            def _record_trace(self, frame):
                return tuple((n, f, line or 0) for n, f, line in super()._record_trace(frame))

        profiler = Profiler(period_ms=10)
        profiler.register_handler()
    result = []
    t = threading.Thread(target=lambda: result.append(profiler.profile(ns)), name="profiler")
    t.start()
    run(seconds + 0.5)
    t.join()
    with open(path, "wb") as f:
        f.write(result[0])


if __name__ == "__main__":
    main()
