#!/usr/bin/env python3
"""Measures kvmicro's peers on a private redis-server and writes JSON:  peers.py OUT.json

redis-benchmark (-P 1; GET and SET, 64 KiB and 1 MiB-class, 1 and 8 clients) and the Python yardstick
$KVKIT_PEERS/python_redis_cache.py (default ../shared/peers), over TCP and a unix socket. What is missing is left out
and said on stderr.
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


def redis_benchmark(address):
    """Bytes a second by 'get/SIZE/CLIENTS': medians."""
    found = {}
    for size in SIZES:
        for clients in (1, 8):
            count = 20000 if size == SIZES[0] else 3000
            command = ["redis-benchmark", *address, "-d", str(size), "-c", str(clients), "-n", str(count), "-P", "1",
                       "-t", "set,get", "--csv"]
            seen = {}
            for _ in range(REPETITIONS):
                out = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout
                for row in csv.reader(out.splitlines()):
                    if row[0] in ("GET", "SET"):
                        seen.setdefault(row[0].lower(), []).append(float(row[1]) * size)
            for op, rates in seen.items():
                found[f"{op}/{size}/{clients}"] = statistics.median(rates)
    return found


def yardstick(url):
    """What the Python service reaches, with fp32 and fp16 values."""
    out = {}
    for half, flags in (("fp32", []), ("fp16", ["--half"])):
        run = subprocess.run([PYTHON, YARDSTICK, url, *flags], capture_output=True, text=True, timeout=300)
        if run.returncode != 0:
            say(f"the Python yardstick failed: {run.stderr.strip().splitlines()[-1:]}")
            return out
        out[half] = json.loads(run.stdout)
    return out


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        sys.exit(__doc__)
    if not shutil.which("redis-server") or not shutil.which("redis-benchmark"):
        sys.exit("peers.py: no redis-server and redis-benchmark here: apt-get install redis-server redis-tools")
    python = YARDSTICK.exists() and subprocess.run([PYTHON, "-c", "import torch, redis"], stderr=subprocess.DEVNULL).returncode == 0
    if not python:
        say(f"the Python yardstick is left out: it needs {YARDSTICK}, python3-torch and python3-redis")
    version = subprocess.run(["redis-server", "--version"], capture_output=True, text=True, check=True).stdout
    found = {"versions": {"redis": version.split("v=")[1].split()[0]}, "redis_benchmark": {}, "python": {}}
    with tempfile.TemporaryDirectory() as directory:
        path, port = Path(directory) / "redis.sock", free_port()
        server = subprocess.Popen(
            ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--unixsocket", path, "--unixsocketperm",
             "700", "--save", "", "--dir", directory, "--maxmemory", "1gb"], stdout=subprocess.DEVNULL)
        try:
            ready(path, server)
            for wire, address, url in (("tcp", ["-p", str(port)], f"redis://127.0.0.1:{port}"),
                                       ("unix", ["-s", str(path)], f"unix://{path}")):
                found["redis_benchmark"][wire] = redis_benchmark(address)
                if python:
                    found["python"][wire] = yardstick(url)
        finally:
            server.terminate()
            server.wait()
    for wire in found["python"].values():
        for run in wire.values():
            found["versions"].update({"torch": run["torch"], "redis-py": run["redis_py"]})
    Path(sys.argv[1]).write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
