#!/usr/bin/env python3
"""A hundred random plans, each done again from what it prints:  plan_check.py KVPLAN [PLANS]

Nothing of kvkit is called but kvplan itself. Sizes, machines, dollars, GPUs and payback are computed as one would in a
spreadsheet, from the printed inputs and the printed price file, and must agree to 0.1 %.
"""
import json
import math
import random
import subprocess
import sys
import tomllib

HOURS, DAYS = 730, 365 / 12
CHUNK, MANIFEST = 2**20 - 4096, 24
STORES = {  # header in the allocation, entry, share of maxmemory that is usable, jemalloc
    "redis": (10, 56, 1, True), "dragonfly": (0, 64, 0.8, False), "serverless": (0, 0, 1, False)}
STORE_OF = {"redis": "redis", "redis-cluster": "redis", "valkey": "redis", "own-servers": "redis", "managed": "redis",
            "dragonfly": "dragonfly"}
GIB = {"GiB": 2**30, "MiB": 2**20, "KiB": 2**10, "GB": 1e9, "TB": 1e12, "MB": 1e6}


def run(kvplan, *words):
    result = subprocess.run([kvplan, *words], capture_output=True, text=True, check=False)
    if result.returncode:
        sys.exit(f"kvplan {' '.join(words)}: exit {result.returncode}\n{result.stderr}")
    return result.stdout


def size_class(size):
    if size <= 128:
        return math.ceil(size / 16) * 16
    step = 2 ** (math.ceil(math.log2(size)) - 3)
    return math.ceil(size / step) * step


def held_of_block(block, shards, store):
    """Each shard's value in chunks, and a manifest beside them, in a server's memory."""
    header, entry, _, jemalloc = STORES[store]

    def one(size):
        return (size_class(size + header) if jemalloc else size + header) + entry

    value = block / shards
    full, rest = divmod(value, CHUNK) if value > CHUNK else (0, value)
    return shards * (full * one(CHUNK) + (one(rest) if rest >= 1 else 0)) + one(MANIFEST)


def bytes_of(text):
    unit = text.lstrip("0123456789.")
    return float(text[:-len(unit)]) * GIB[unit]


def typical(price):
    return price["typical"] if isinstance(price, dict) else price


def agrees(what, got, want):
    if abs(got - want) > 1e-3 * abs(want) + 1e-6:
        sys.exit(f"{what}: kvplan says {got}, by hand it is {want}")


def check_size(plan, size, kind):
    stored = size["tokens"] * size["bytes_per_token"] * size["stored_per_payload"]
    agrees("stored bytes", size["stored_bytes"], stored)
    store = STORE_OF.get(kind, "serverless")
    block_tokens = plan["demand"]["block_tokens"]
    block = block_tokens * size["bytes_per_token"] * size["stored_per_payload"]
    agrees("held bytes", size["held_bytes"],
           size["tokens"] / block_tokens * held_of_block(block, plan["engine"]["tp"], store))
    agrees("memory", size["memory_bytes"], size["held_bytes"] / STORES[store][2] * 1.05)


def machines_for_memory(memory, values, usable, fewest):
    """Keys fall on shards at random: the fullest of n has 1/n and some more (Cramer's sqrt(2 ln n))."""
    n = fewest
    while True:
        spread = math.sqrt(2 * math.log(n) / values * (1 - 1 / n) / n) if n > 1 else 0
        top = 1 / values + (1 - 1 / values) / n
        if memory * min(max(top, 1 / n + spread), 1) <= usable * (1 + 1e-9):
            return n
        n += 1


def check_nodes(plan, size, node):
    needs = {need["constraint"]: need["nodes"] for need in plan["nodes"]["needs"]}
    usable = bytes_of(node["memory"]) * (1 - node.get("reserved_share", 0))
    want = machines_for_memory(size["memory_bytes"], size["values"], usable, 1)
    # The closed form is searched by halves, here one by one: they may differ where it is flat.
    if abs(needs["memory"] - want) > 1 + 0.001 * want:
        sys.exit(f"machines for memory: kvplan says {needs['memory']}, by hand {want}")
    agrees("primaries", plan["nodes"]["primaries"], max(n for n in needs.values() if n is not None))
    agrees("machines", plan["nodes"]["machines"], plan["nodes"]["primaries"] * (1 + plan["nodes"]["replicas"]))


def cache_cost(plan, size, kind, prices, inputs):
    option = next(o for o in plan["cost"]["options"] if o["chosen"])
    by_name = {entry["name"]: entry for table in ("node", "server", "serverless", "local", "platform")
               for entry in prices.get(table, [])}
    entry = by_name[option["on"]]
    factor = inputs["cache_price_factor"]
    if plan["nodes"]:
        machines = plan["nodes"]["machines"]
        if kind == "own-servers":
            month = (typical(entry["purchase_usd"]) / entry["amortisation_months"]
                     + entry["watts"] * entry["pue"] / 1000 * HOURS * entry["usd_per_kwh"]
                     + entry["colocation_usd_per_month"])
            return option, machines * month * factor
        check_nodes(plan, size, entry)
        return option, machines * typical(entry["usd_per_hour"]) * HOURS * factor
    if kind == "serverless":
        seconds = HOURS * 3600 / inputs["peak"] * inputs["load_factor"]
        moved = (size["read_bytes_per_s"] + size["written_bytes_per_s"]) * seconds
        rent = max(size["held_bytes"], bytes_of(entry["minimum"])) / 1e9 * typical(entry["usd_per_gb_hour"]) * HOURS
        return option, (rent + moved / 1024 / 1e6 * typical(entry["usd_per_million_ecpu"])) * factor
    if kind == "vendor-platform":
        return option, typical(entry["usd_per_month"]) * factor
    return option, size["held_bytes"] / 1e9 * typical(entry["usd_per_gb_hour"]) * HOURS * factor


def check_money(plan, option, inputs, prices):
    roi, engine = plan["roi"], plan["engine"]
    per_instance, usd = engine["gpus_per_instance"], inputs["gpu_usd_per_hour"]

    def bill(prefill, grown):
        needed = max(math.ceil((prefill + roi["baseline_decode_gpus"]) * grown
                               / (per_instance * inputs["utilisation"]) * (1 - 1e-9)), 1)
        return max(needed, engine["committed_instances"]) * per_instance * usd * HOURS

    def saving(month):
        grown = (1 + inputs["growth_per_month"]) ** month
        return (bill(roi["baseline_prefill_gpus"], grown) - bill(roi["cached_prefill_gpus"], grown)
                - option["usd_per_month"] * grown)

    agrees("monthly saving", roi["monthly_saving_usd"], saving(0))
    hours = max(typical(e["hours"]) for e in prices["effort"] if e["name"] == "integration")
    one_off = max(hours, option["setup_hours"]) * typical(prices["common"]["effort_usd_per_hour"])
    agrees("one-off", roi["one_off_usd"], one_off)
    agrees("twelve months", roi["net_12_months_usd"], sum(map(saving, range(12))) - one_off)
    left, days = one_off, None
    for month in range(120):
        now = saving(month)
        if days is None and now > 0 and left <= now:
            days = (month + max(left, 0) / now) * DAYS
        left -= now
        if left > 0:
            days = None
    if (days is None) != (roi["payback_days"] is None):
        sys.exit(f"payback: kvplan says {roi['payback_days']}, by hand {days}")
    if days is not None:
        agrees("payback", roi["payback_days"], days)


def words_of(draw):
    kind = draw.choice(["redis", "redis-cluster", "valkey", "dragonfly", "own-servers", "managed", "serverless",
                        "host-memory", "local-nvme", "vendor-platform"])
    prompt = draw.randint(500, 6000)
    shared = draw.randint(prompt // 4, prompt)
    gpus = draw.choice([4, 8, 64])
    words = ["--requests", "150", "--draws", "5", "--kinds", kind, "--seed", str(draw.randint(1, 999)),
             "--requests-per-second", f"{10 ** draw.uniform(0.3, 2.7):.3f}", "--input-tokens", str(prompt),
             "--output-tokens", str(draw.randint(1, 200)), "--shared-prefix", str(shared),
             "--hit-rate", f"{draw.uniform(0, 0.95) * (shared // 64 * 64) / prompt:.4f}",
             "--prefixes", str(draw.randint(1, 60)), "--model", draw.choice(["llama-3.1-8b", "qwen2.5-7b", "llama-3.1-70b"]),
             "--gpu", draw.choice(["h100", "a100-80g"]), "--gpus", str(gpus),
             "--gpu-usd-per-hour", f"{draw.uniform(1, 8):.2f}", "--busy", f"{draw.uniform(0.3, 1):.2f}",
             "--growth", f"{draw.uniform(-0.02, 0.1):.3f}", "--peak", f"{draw.uniform(1, 3):.2f}",
             "--load-factor", f"{draw.uniform(0.3, 1):.2f}", "--cache-price-factor", f"{draw.uniform(0.5, 2):.2f}",
             "--stored-share", f"{draw.uniform(0.2, 1):.3f}", "--committed", str(draw.choice([0, 0, gpus]))]
    return kind, words


def main():
    kvplan, plans = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 100
    prices = tomllib.loads(run(kvplan, "prices"))
    draw, verdicts = random.Random(7), {}
    number = 0
    while sum(verdicts.values()) < plans:
        number += 1
        kind, words = words_of(draw)
        result = subprocess.run([kvplan, "estimate", *words, "--format", "json"], capture_output=True, text=True, check=False)
        if result.returncode == 2 and kind == "redis" and "no kind of cache" in result.stderr:
            continue  # more than one machine holds
        if result.returncode:
            sys.exit(f"plan {number}: kvplan {' '.join(words)}: exit {result.returncode}\n{result.stderr}")
        plan = json.loads(result.stdout)
        inputs = {row["input"]: row["typical"] for row in plan["inputs"]}
        try:
            check_size(plan, plan["size"], kind)
            option, usd = cache_cost(plan, plan["size"], kind, prices, inputs)
            agrees("cost of the cache", option["usd_per_month"], usd)
            check_money(plan, option, inputs, prices)
        except SystemExit as failed:
            sys.exit(f"plan {number} (kvplan estimate {' '.join(words)}): {failed}")
        verdict = plan["roi"]["verdict"]
        verdicts[verdict] = verdicts.get(verdict, 0) + 1
    print(f"{sum(verdicts.values())} plans agree; verdicts: {verdicts}")


if __name__ == "__main__":
    main()
