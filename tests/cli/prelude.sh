# Functions that every command of a session has.

# redis_start [OPTION...]: a private server on $TMP/redis.sock; redis-server's own options, as --requirepass secret.
redis_start() {
  redis-server --port 0 --unixsocket "$TMP/redis.sock" --pidfile "$TMP/redis.pid" --dir "$TMP" --save '' \
    --appendonly no --daemonize yes --logfile "$TMP/redis.log" "$@" >/dev/null || return 1
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    [ ! -S "$TMP/redis.sock" ] || return 0
    sleep 0.1
  done
  echo "redis-server did not come up:" >&2
  cat "$TMP/redis.log" >&2
  return 1
}

# free_port: the number of a port on loopback that nobody listens at.
free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

# signalled SOCKET "SIGNAL..." COMMAND...: runs the command and, once the Redis at SOCKET (a pattern) holds ten keys,
# sends it the signals, 0.2 s apart; STALL stops the server instead. The exit code is the command's.
signalled() {
  socket=$1 signals=$2
  shift 2
  env --default-signal "$@" &
  command=$!
  until keys=$(redis-cli -s $socket dbsize 2>/dev/null) && [ "$keys" -ge 10 ]; do sleep 0.05; done
  server=$(redis-cli -s $socket info server | sed -n 's/^process_id:\([0-9]*\).*/\1/p')
  for signal in $signals; do
    if [ "$signal" = STALL ]; then kill -STOP "$server"; else kill -"$signal" "$command" 2>/dev/null; fi
    sleep 0.2
  done
  wait "$command"
}

# nothing_left: no private server of kvbench, nor its keeper or directory, below $TMP. They may take 2 s after a kill -9.
nothing_left() {
  for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
    left=$(pgrep -af "$TMP/kvkit-redis"; ls -d "$TMP"/kvkit-redis* 2>/dev/null)
    [ -n "$left" ] || return 0
    sleep 0.1
  done
  echo "$left"
  return 1
}

redis_kill() { kill -9 "$(cat "$TMP/redis.pid")"; }

# redis COMMAND...: what redis-cli says, plain.
redis() { redis-cli -s "$TMP/redis.sock" --no-auth-warning "$@"; }

# interrupted SIGNAL COMMAND...: sends the signal once the command waits for SIGINT (it is blocked then), that is, once
# it replays. The exit code is the command's.
interrupted() {
  signal=$1
  shift
  env --default-signal "$@" &
  until blocked=$(sed -n 's/^SigBlk:[[:space:]]*//p' /proc/$!/status) && [ $((0x$blocked & 2)) -ne 0 ]; do sleep 0.05; done
  sleep 0.2
  kill -"$signal" $!
  wait $!
}

# valid_report FILE: checks a report against its schema.
valid_report() {
  python3 - "$SCHEMA" "$1" <<'PY'
import json, pathlib, sys
import jsonschema
report = json.load(open(sys.argv[2]))
schema = json.load(open(pathlib.Path(sys.argv[1]) / (report["schema"].replace("/", "-") + ".schema.json")))
validator = jsonschema.validators.validator_for(schema)
validator.check_schema(schema)
errors = sorted(validator(schema).iter_errors(report), key=lambda e: list(map(str, e.path)))
for error in errors:
    print("/".join(map(str, error.path)) or "(top)", error.message[:300], sep=": ", file=sys.stderr)
sys.exit(1 if errors else 0)
PY
}

# elements FILE FORMAT COUNT [VALUE...]: raw elements, FORMAT as Python's struct has it: numbers around 0, then the values.
# safetensors FILE NAME:DTYPE:FORMAT:COUNT...: the same as tensors.
elements() { tensor_file raw "$@"; }
safetensors() { tensor_file tensors "$@"; }
tensor_file() {
  python3 - "$@" <<'PY'
import json, struct, sys
kind, path, *rest = sys.argv[1:]
def elements(format, count, *more):
    values = [i * i % 97 - 40 if format == "q" else (i * i % 977 - 400) / 100 for i in range(int(count))]
    return struct.pack(f"<{len(values) + len(more)}{format}", *values, *map(float, more))
if kind == "raw":
    data = elements(*rest)
else:
    header, body = {}, b""
    for name, dtype, format, count in (spec.split(":") for spec in rest):
        tensor = elements(format, count)
        header[name] = {"dtype": dtype, "shape": [int(count)], "data_offsets": [len(body), len(body) + len(tensor)]}
        body += tensor
    text = json.dumps(header).encode()
    data = struct.pack("<Q", len(text)) + text + body
open(path, "wb").write(data)
PY
}

# peak_memory FILE COMMAND...: runs it, and writes its peak resident bytes, and those that the machine has, to FILE.
peak_memory() {
  python3 - "$@" <<'PY'
import resource, subprocess, sys
code = subprocess.run(sys.argv[2:]).returncode
machine = next(int(line.split()[1]) for line in open("/proc/meminfo") if line.startswith("MemTotal:")) * 1024
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024
print(peak, machine, file=open(sys.argv[1], "w"))
sys.exit(code)
PY
}

# best_ms COMMAND...: the shortest of 20 runs, in milliseconds.
best_ms() {
  python3 - "$@" <<'PY'
import subprocess, sys, time
def once():
    start = time.perf_counter()
    subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start
print(f"{1000 * min(once() for _ in range(20)):.1f} ms: {' '.join(sys.argv[1:])}")
PY
}

# In documents `make TARGET` is only held to name targets that exist: the tests run inside one of them.
make() { (cd "$SOURCE" && command make -n "$@" >/dev/null); }
