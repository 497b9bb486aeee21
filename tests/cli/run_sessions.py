#!/usr/bin/env python3
"""Runs command-line sessions kept as data:  run_sessions.py [--bin DIR] [--traces DIR] FILE.session|FILE.md ...

A session is read top to bottom; every line is one of
  # text             a comment: the rule under test.   "# needs: redis, trace" skips the session where one is missing
  $ command          run by sh (a trailing \\ continues it) with kvbench on PATH; `within 20s $ command` sets its limit
  ? 2                its exit code; 0 if not given
  > text             some line of stdout contains text        2> text    the same of stderr
  >= text            stdout is exactly these lines, in order  2>= text     (one bare >= : it is empty)
  >~ regex           some line of stdout matches              2>~ regex
  >! text            no line of stdout contains text          2>! text
Commands of one session share $TMP, a fresh directory, and see $T (the trace), $GOLDEN, $W (workloads/), $SCHEMA
(reports/), $SOURCE (the project) and the functions of prelude.sh. JSON is checked by jq, whose output is matched.

Of a Markdown file every ```sh block is a command that must exit 0, run where `kvbench` users stand: in a directory
that looks like the project's. `<!-- not run: why -->` and `<!-- needs: redis, trace -->` above a block are heeded.
"""
import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).resolve().parent
SOURCE = HERE.parent.parent
SKIPPED = 77
LIMIT_S = 60


@dataclass
class Expectation:
    line: int
    stream: str  # "stdout" or "stderr"
    kind: str    # "", "=", "~" or "!"
    text: str


@dataclass
class Command:
    line: int
    text: str
    limit_s: float = LIMIT_S
    exit_code: int = 0
    expectations: list = field(default_factory=list)


@dataclass
class Session:
    needs: set = field(default_factory=set)
    commands: list = field(default_factory=list)


def parse_needs(text):
    return {word.strip() for word in text.split(",") if word.strip()}


def parse_session(path):
    session = Session()
    lines = enumerate(path.read_text().splitlines(), 1)
    for number, line in lines:
        if not line.strip():
            continue
        if line.startswith("#"):
            needs = re.match(r"# needs: (.*)", line)
            session.needs |= parse_needs(needs.group(1)) if needs else set()
        elif command := re.match(r"(?:within ([\d.]+)s )?\$ (.*)", line):
            text = command.group(2)
            while text.endswith("\\"):
                text += "\n" + next(lines)[1]
            session.commands.append(Command(number, text, float(command.group(1) or LIMIT_S)))
        elif not session.commands:
            sys.exit(f"{path}:{number}: expects something of no command: {line}")
        elif code := re.fullmatch(r"\? (\d+)", line):
            session.commands[-1].exit_code = int(code.group(1))
        elif expected := re.fullmatch(r"(2?)>([=~!]?)(?: (.*))?", line):
            stream = "stderr" if expected.group(1) else "stdout"
            session.commands[-1].expectations.append(
                Expectation(number, stream, expected.group(2), expected.group(3) or ""))
        else:
            sys.exit(f"{path}:{number}: not a line of a session: {line}")
    return session


def parse_document(path):
    """Every ```sh block as one command; returns the session and what is not run, with its line and reason."""
    session, not_run, reason, needs, block = Session(), [], None, set(), None
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if block is not None:
            if line.strip() == "```":
                if reason:
                    not_run.append(f"{path}:{block.line}: not run: {reason}")
                else:
                    session.commands.append(block)
                    session.needs |= needs
                block, reason, needs = None, None, set()
            else:
                block.text += line + "\n"
        elif line == "```sh":
            block = Command(number, "set -e\n", 300)
        elif mark := re.match(r"<!-- not run: (.*?) ?-->", line):
            reason = mark.group(1)
        elif mark := re.match(r"<!-- needs: (.*?) ?-->", line):
            needs = parse_needs(mark.group(1))
    return session, not_run


def violated(expectation, output, exact):
    """Why the output does not meet the expectation, or None."""
    lines = output.splitlines()
    text = expectation.text
    if expectation.kind == "=":
        return None if lines == ([] if exact == [""] else exact) else "is not exactly the lines expected"
    if expectation.kind == "~":
        return None if any(re.search(text, line) for line in lines) else f"has no line that matches: {text}"
    if expectation.kind == "!":
        bad = [line for line in lines if text in line]
        return f"must not contain: {text}\n    but does: {bad[0]}" if bad else None
    return None if any(text in line for line in lines) else f"has no line that contains: {text}"


def indented(name, text):
    lines = text.splitlines()
    shown = lines if len(lines) <= 60 else lines[:40] + [f"... {len(lines) - 50} lines ..."] + lines[-10:]
    return f"  {name}:\n" + "".join(f"    | {line}\n" for line in shown) if lines else f"  {name}: empty\n"


def run(command, env, directory):
    """Exit code (None: ran too long), stdout, stderr. The whole process group goes when the time is up."""
    # Through files, not pipes: a server left in the background must not keep us waiting for end of file.
    with tempfile.TemporaryFile("w+", errors="replace") as out, tempfile.TemporaryFile("w+", errors="replace") as err:
        process = subprocess.Popen(["sh", "-c", f'. "{HERE}/prelude.sh"\n{command.text}'], stdin=subprocess.DEVNULL,
                                   stdout=out, stderr=err, env=env, cwd=directory, start_new_session=True)
        try:
            code = process.wait(command.limit_s)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            code = None
        out.seek(0)
        err.seek(0)
        return code, out.read(), err.read()


def check(path, command, env, directory):
    """Runs one command; returns its failures as text, empty if it met every expectation."""
    code, stdout, stderr = run(command, env, directory)
    failures = []
    if code is None:
        failures.append(f"{path}:{command.line}: did not end within {command.limit_s:g} s")
    elif code != command.exit_code:
        failures.append(f"{path}:{command.line}: exit code {code}, expected {command.exit_code}")
    outputs = {"stdout": stdout, "stderr": stderr}
    for stream, output in outputs.items():
        mine = [e for e in command.expectations if e.stream == stream]
        exact = [e.text for e in mine if e.kind == "="]
        for expectation in mine:
            why = violated(expectation, output, exact)
            if why:
                failures.append(f"{path}:{expectation.line}: {stream} {why}")
                if expectation.kind == "=":  # one message for all of them
                    failures[-1] += "\n" + indented("expected", "\n".join(exact)).rstrip()
                    break
    if not failures:
        return ""
    head = command.text.replace("set -e\n", "", 1).rstrip().replace("\n", "\n      ")
    return "\n".join(failures) + f"\n  $ {head}\n" + indented("stdout", stdout) + indented("stderr", stderr)


def missing(needs, env):
    have = {"redis": shutil.which("redis-server"), "trace": os.path.exists(env["T"]), "gpu": os.path.exists("/dev/nvidia0")}
    unknown = needs - set(have)
    if unknown:
        sys.exit(f"a session can need {', '.join(sorted(have))}; not {', '.join(sorted(unknown))}")
    return sorted(need for need in needs if not have[need])


def run_file(path, env):
    """0, 1 or SKIPPED."""
    not_run = []
    session, not_run = parse_document(path) if path.suffix == ".md" else (parse_session(path), [])
    for line in not_run:
        print(line)
    lacking = missing(session.needs, env)
    if lacking:
        print(f"SKIPPED: {path}: needs {', '.join(lacking)}")
        return 1 if os.environ.get("CI") and lacking != ["gpu"] else SKIPPED
    failures = 0
    with tempfile.TemporaryDirectory(prefix="kvkit-cli-") as tmp:
        directory = Path(tmp)
        if path.suffix == ".md":
            directory = Path(tmp) / "project"
            directory.mkdir()
            for entry in SOURCE.iterdir():
                (directory / entry.name).symlink_to(entry)
        for command in session.commands:
            failure = check(path, command, {**env, "TMP": tmp}, directory)
            failures += bool(failure)
            print(failure, end="", flush=True)
        for pid_file in Path(tmp).glob("*.pid"):  # servers of the prelude that the session did not end
            try:
                os.kill(int(pid_file.read_text()), signal.SIGKILL)
            except (ProcessLookupError, ValueError):
                pass
    print(f"{path.name}: {len(session.commands)} commands, {failures} failed")
    return 1 if failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin", default=SOURCE / "build/release/bin", type=Path)
    parser.add_argument("--traces", type=Path,
                        default=os.environ.get("KVKIT_TRACES") or SOURCE.parent / "shared/traces")
    parser.add_argument("files", nargs="+", type=Path)
    options = parser.parse_args()
    env = {**os.environ, "PATH": f"{options.bin.resolve()}:{os.environ['PATH']}", "LC_ALL": "C.UTF-8",
           "T": str(options.traces.resolve() / "conversation_trace.jsonl"),
           "GOLDEN": str(options.traces.resolve() / "conversation_trace.golden.json"),
           "W": str(SOURCE / "workloads"), "SCHEMA": str(SOURCE / "reports"), "SOURCE": str(SOURCE)}
    for name in ("NO_COLOR", "KVKIT_REDIS_PASSWORD", "KVKIT_REDIS_USER"):
        env.pop(name, None)
    results = [run_file(path.resolve(), env) for path in options.files]
    return max((r for r in results if r != SKIPPED), default=SKIPPED)


if __name__ == "__main__":
    sys.exit(main())
