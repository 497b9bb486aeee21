#!/usr/bin/env python3
"""Measures kvmicro and its peers in turns on one private redis-server and writes JSON:  peers.py KVMICRO OUT.json

redis-benchmark (-P 1; GET and SET, 64 KiB and 1 MiB-class, 1 and 8 clients) and the Python yardstick
$KVKIT_PEERS/python_redis_cache.py (default ../shared/peers), over TCP and a unix socket; right before each run of theirs,
one of ours of the same work on the same server. Medians. What is missing is left out and said on stderr.
"""
import csv
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SIZES = (65536, 1044480)
REPETITIONS = 5
PYTHON = "/usr/bin/python3"  # Debian's, which has Debian's packages
YARDSTICK = Path(os.environ.get("KVKIT_PEERS", "../shared/peers")) / "python_redis_cache.py"


def say(text):
    print(f"peers.py: {text}", file=sys.stderr)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def ready(path, server):
    for _ in range(100):
        if server.poll() is not None:
            break
        try:
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(str(path))
                return
        except OSError:
            time.sleep(0.05)
    sys.exit("peers.py: redis-server did not start")


class Turns:
    """Rates of both sides by name, in bytes a second, a sample a turn."""

    def __init__(self):
        self.samples = {}

    def add(self, name, ours, theirs):
        mine, other = self.samples.setdefault(name, ([], []))
        mine.append(ours)
        other.append(theirs)

    def medians(self):
        return {name: {"ours": statistics.median(ours), "theirs": statistics.median(theirs)}
                for name, (ours, theirs) in self.samples.items()}


class Ours:
    def __init__(self, program, environment):
        self.command = [program, "--benchmark_min_time=0.2", "--benchmark_format=json"]
        self.environment = {**os.environ, **environment}

    def rate(self, name):
        out = subprocess.run([*self.command, f"--benchmark_filter=^{name}$"], capture_output=True, text=True, check=True,
                             timeout=120, env=self.environment).stdout
        row = json.loads(out)["benchmarks"][0]
        if row.get("error_occurred"):
            sys.exit(f"peers.py: {name}: {row['error_message']}")
        return row["bytes_per_second"]


def beside_redis_benchmark(ours, wire, address, turns):
    for size in SIZES:
        for clients in (1, 8):
            count = 10000 if size == SIZES[0] else 1500
            for _ in range(REPETITIONS):
                for op in ("set", "get"):
                    mine = ours.rate(f"{op}/{wire}/bytes:{size}/connections:{clients}/depth:1/real_time")
                    command = ["redis-benchmark", *address, "-d", str(size), "-c", str(clients), "-n", str(count), "-P", "1",
                               "-t", op, "--csv"]
                    out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
                    rate = next(float(row[1]) for row in csv.reader(out.splitlines()) if row[0] == op.upper())
                    turns.add(f"{op}/{wire}/{size}/{clients}", mine, rate * size)


def beside_yardstick(ours, wire, url, turns, versions):
    """The Python service gives medians of its own repetitions, of which it gets three a turn."""
    for codec, flags in (("raw", []), ("fp16", ["--half"])):
        for _ in range(3):
            mine = {work: ours.rate(f"kv_{work}/{codec}/{wire}/real_time") for work in ("store", "fetch")}
            run = subprocess.run([PYTHON, YARDSTICK, url, "--reps", "3", *flags], capture_output=True, text=True, timeout=300)
            if run.returncode != 0:
                return say(f"the Python yardstick failed: {run.stderr.strip().splitlines()[-1:]}")
            told = json.loads(run.stdout)
            versions.update({"torch": told["torch"], "redis-py": told["redis_py"]})
            for work, rate in mine.items():
                turns.add(f"{work}/{codec}/{wire}", rate, told["payload_gb_per_s"][work] * 1e9)


def main():
    if len(sys.argv) != 3 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        sys.exit("peers.py: no redis-server and redis-benchmark here: apt-get install redis-server redis-tools")
    python = YARDSTICK.exists() and subprocess.run([PYTHON, "-c", "import torch, redis"], stderr=subprocess.DEVNULL).returncode == 0
    if not python:
        say(f"the Python yardstick is left out: it needs {YARDSTICK}, python3-torch and python3-redis")
    version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
    versions, redis, service = {"redis": version.split("v=")[1].split()[0]}, Turns(), Turns()
    with tempfile.TemporaryDirectory() as directory:
        path, port = Path(directory) / "redis.sock", free_port()
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", path, "--unixsocketperm",
             "700", "--save", "", "--dir", directory, "--maxmemory", "1gb"], stdout=subprocess.DEVNULL)
        ours = Ours(sys.argv[1], {"KVMICRO_TCP_PORT": str(port), "KVMICRO_SOCKET": str(path)})
        try:
            ready(path, server)
            for wire, address, url in (("tcp", ["-p", str(port)], f"redis://127.0.0.1:{port}"),
                                       ("unix", ["-s", str(path)], f"unix://{path}")):
                beside_redis_benchmark(ours, wire, address, redis)
                if python:
                    beside_yardstick(ours, wire, url, service, versions)
        finally:
            server.terminate()
            server.wait()
    found = {"versions": versions, "redis_benchmark": redis.medians(), "python": service.medians()}
    Path(sys.argv[2]).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
