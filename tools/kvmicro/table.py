#!/usr/bin/env python3
"""Prints the table of docs/performance.md from what kvmicro measured:

  table.py BENCH.json [PEERS.json] [--update PAGE.md]

BENCH.json: kvmicro --benchmark_out with repetitions; the medians are used. PEERS.json: what peers.py wrote; rows that
need it say so where it is missing. --update replaces what stands between the page's two <!-- bench --> marks.
"""
import argparse
import json
import re
import sys
from pathlib import Path

MIB, LARGE = 1044480, 67108864
MARK = "<!-- bench: made by `make bench-docs`, do not edit -->"
END = "<!-- /bench -->"


class Figures:
    """Medians of one run, by benchmark name; None where something was not measured."""

    def __init__(self, bench, peers):
        self.peers = peers or {}
        self.rows = {}
        for row in bench["benchmarks"]:
            if row.get("error_occurred"):
                continue
            if row.get("aggregate_name", "median") == "median":
                self.rows[row.get("run_name", row["name"])] = row

    def get(self, name, field="bytes_per_second"):
        return self.rows.get(name, {}).get(field)

    def best(self, names):
        return max((v for v in map(self.get, names) if v is not None), default=None)

    def most_efficient(self, names):
        """(rate, efficiency) of the one benchmark of these that has the best efficiency."""
        both = [(self.get(n), self.get(n, "efficiency")) for n in names]
        return max((pair for pair in both if None not in pair), key=lambda pair: pair[1], default=(None, None))

    def turns(self, peer, name):
        """(ours, theirs), measured in turns on one server."""
        both = self.peers.get(peer, {}).get(name, {})
        return both.get("ours"), both.get("theirs")


def ratio(a, b):
    return a / b if a is not None and b else None


def moves(op, wire, size, connections, depths=(1, 16)):
    return [f"{op}/{wire}/bytes:{size}/connections:{connections}/depth:{d}/real_time" for d in depths]


def rows(f):
    """(work, measured, target, unit, at_least): every row of the issue's table."""
    def gbs(value):
        return f"{value / 1e9:.2f} GB/s" if value is not None else ""

    for op, raw, peer in (("get", {"tcp": .85, "unix": .65}, 1.5), ("set", {"tcp": .70, "unix": .80}, 10)):
        for wire in ("tcp", "unix"):
            names = moves(op, wire, MIB, 1)
            rate, efficiency = f.most_efficient(names)
            yield f"{op.upper()} 1 MiB-class, 1 connection, {wire}, of the raw socket", gbs(rate), efficiency, raw[wire], True
            rate = f.best(names)
            plain = f.get(f"hiredis_{op}/{wire}/bytes:{MIB}/real_time")
            yield f"the same, against hiredis's plain {op.upper()}", gbs(rate), ratio(rate, plain), peer, True
    for op in ("get", "set"):
        for size, name in ((65536, "64 KiB"), (MIB, "1 MiB-class")):
            for connections in (1, 8):
                for wire in ("tcp", "unix"):
                    rate, theirs = f.turns("redis_benchmark", f"{op}/{wire}/{size}/{connections}")
                    yield (f"{op.upper()} {name}, {connections} connection{'s' * (connections > 1)}, {wire}, against redis-benchmark",
                           gbs(rate), ratio(rate, theirs), 1, True)
    for work, verb in (("store", "stored"), ("fetch", "fetched")):
        for codec in ("raw", "fp16"):
            for wire in ("tcp", "unix"):
                rate, theirs = f.turns("python", f"{work}/{codec}/{wire}")
                yield (f"K and V of [1,32,128,64] {verb} {'as fp16' if codec == 'fp16' else 'raw'}, {wire}, against torch.save + redis-py",
                       gbs(rate), ratio(rate, theirs), 2, True)
    for work, op in (("fetch", "get"), ("store", "set")):
        for wire in ("tcp", "unix"):
            rate = f.get(f"kv_{work}/large_block/{wire}/real_time")
            yield (f"64 MiB block, {op.upper()}, {wire}, of the rate of 64 blocks of 1 MiB-class", gbs(rate),
                   ratio(rate, f.get(f"kv_{work}/small_blocks/{wire}/real_time")), .85, True)
    copy = [f.get(f"block_copy/real_time/threads:{n}") for n in (1, 2)]
    for work in ("get", "put"):
        local = [f.get(f"local_{work}/real_time/threads:{n}") for n in (1, 2)]
        yield f"local: {work} of 1 MiB blocks, one thread, of memory copy", gbs(local[0]), ratio(local[0], copy[0]), .9, True
        yield (f"local: {work}, two workers, scaling of memory copy's", gbs(local[1]),
               ratio(ratio(local[1], local[0]), ratio(copy[1], copy[0])), .95, True)
    for codec, targets in (("fp16", (.8, .8)), ("bf16", (.8, .8)), ("int8", (.4, .5)), ("fp8", (.4, .5)), ("int4", (.4, .5))):
        for way, target in zip(("encode", "decode"), targets):
            name = f"{way}/{codec}/fp32"
            yield f"{codec} {way} of fp32, of memory copy (read + written)", gbs(f.get(name)), f.get(name, "efficiency"), target, True
    plain, hashed = (f.get(f"arena_read/{kind}", "cpu_time") for kind in ("plain", "hashed"))
    cost = ratio(hashed, plain)
    yield "XXH3 of a local fetch, hashed as it is copied: cost", "", None if cost is None else cost - 1, .25, False
    for blocks in (1, 32, 256):
        seconds = f.get(f"harness_null/blocks:{blocks}/iterations:5/manual_time", "real_time")
        us = None if seconds is None else seconds / 1e3
        yield (f"harness per request of {blocks} block{'s' * (blocks > 1)}, of 2 µs + 100 ns a block",
               "" if us is None else f"{us:.2f} µs", ratio(us, 2 + .1 * blocks), 1, False)

    yield from curve_rows(f)
    yield from decoder_rows(f)


def curve_rows(f):
    """Parsing, generating, curves and simulations: absolute targets, and the usual hash map + list beside them."""
    def millions(value):
        return f"{value / 1e6:.1f} M/s" if value is not None else ""

    rate = f.get("workload_stream")
    yield "parsing JSONL, of 500 MB/s", f"{rate / 1e6:.0f} MB/s" if rate else "", ratio(rate, 500e6), 1, True
    for name, what, target in (("lru_curve_trace", "on the conversation trace", 100), ("lru_curve_turns/200000", "200 k unique blocks, in turns", 40),
                               ("lru_curve_turns/10000000", "10 M unique blocks, in turns", 25),
                               ("lru_curve_singles/200000", "200 k unique blocks, one by one", 40),
                               ("lru_curve_singles/10000000", "10 M unique blocks, one by one", 25)):
        rate = f.get(name, "items_per_second")
        yield f"LRU curve of all sizes, {what}, of {target} M refs/s", millions(rate), ratio(rate, target * 1e6), 1, True
    rate = f.get("sampled_curve/100", "items_per_second")
    yield "sampled LRU curve at 1 %, of 200 M refs/s", millions(rate), ratio(rate, 200e6), 1, True
    plain = f.get("map_and_list_lru/10", "items_per_second")
    for policy, target in (("lru", 30), ("sieve", 20), ("s3-fifo", 20)):
        rate = f.get(f"block_cache/{policy}/10", "items_per_second")
        yield f"simulation of {policy} at 10 % of the blocks, of {target} M refs/s", millions(rate), ratio(rate, target * 1e6), 1, True
        yield f"the same, against LRU by hash map + list at {millions(plain) or '-'}", millions(rate), ratio(rate, plain), 1, True
    rate = f.get("generate_lines", "items_per_second")
    yield "generating, of 100,000 requests/s", f"{rate / 1e3:.0f} k/s" if rate else "", ratio(rate, 1e5), 1, True


def decoder_rows(f):
    """The measured engine beside LibTorch's own kernels, and KV on its way in and out beside one copy of it."""
    for model, tokens in (("tiny", 512), ("tiny", 2048), ("small", 512), ("small", 1024)):
        name = f"decoder_prefill/{model}/{tokens}/real_time"
        rate = f.get(name, "items_per_second")
        yield (f"prefill of {tokens} tokens, {model}, one thread: overhead over LibTorch's matmul and attention",
               f"{rate:.0f} tokens/s" if rate else "", f.get(name, "overhead"), .1, False)
    for pieces, what in (("whole", "in one piece"), ("blocks_of_512", "in blocks of 512 tokens"), ("blocks_of_16", "in blocks of 16 tokens"),
                         ("blocks_of_16_by_layer", "in blocks of 16 tokens, layer by layer")):
        name = f"decoder_kv/inject / {pieces}/manual_time"
        rate = f.get(name)
        yield f"KV of 4096 tokens injected {what}, of the time of one copy", f"{rate / 1e9:.2f} GB/s" if rate else "", f.get(name, "of_memory_copy"), 1.2, False


def table(f):
    lines = ["| work | measured | ratio | target | |", "| --- | ---: | ---: | ---: | --- |"]
    for work, measured, value, target, at_least in rows(f):
        verdict = "not measured" if value is None else "ok" if (value >= target if at_least else value <= target) else "below" if at_least else "above"
        shown = "–" if value is None else f"{value:.2f}"
        lines.append(f"| {work} | {measured or '–'} | {shown} | {'≥' if at_least else '≤'} {target:g} | {verdict} |")
    return lines


def conditions(bench, peers):
    context = bench["context"]
    about = [f"{context['num_cpus']} CPUs at {context['mhz_per_cpu']} MHz, shared by client and server", context["date"][:10]]
    about += [f"{key} {context[key]}" for key in ("cpu", "kernel", "kvkit", "redis", "hiredis", "libtorch") if context.get(key)]
    about += [f"{key} {value}" for key, value in (peers or {}).get("versions", {}).items()]
    return "Measured on: " + " · ".join(about) + ". Medians."


def update(page, text):
    old = page.read_text()
    pattern = re.compile(re.escape(MARK) + ".*?" + re.escape(END), re.S)
    if not pattern.search(old):
        sys.exit(f"table.py: {page} has no place for the table: it needs a line '{MARK}' and a line '{END}'")
    page.write_text(pattern.sub(lambda _: f"{MARK}\n{text}\n{END}", old))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bench", type=Path)
    parser.add_argument("peers", type=Path, nargs="?")
    parser.add_argument("--update", type=Path)
    args = parser.parse_args()
    bench = json.loads(args.bench.read_text())
    peers = json.loads(args.peers.read_text()) if args.peers and args.peers.exists() else None
    text = "\n".join([conditions(bench, peers), "", *table(Figures(bench, peers))])
    print(text)
    if args.update:
        update(args.update, text)


if __name__ == "__main__":
    main()
