#!/usr/bin/env python3
"""Formatting, clang-tidy over lib/ and tools/, headers that stand alone, scripts, links in documents:  cmake/lint.py [-j N] [--deep]

Needs Debian 12's clang-format-14 and clang-tidy-14, and build/release configured. A file that was found clean is
not looked at again until it, a header of ours that it includes, or .clang-tidy changes.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

TIDY, FORMAT = "clang-tidy-14", "clang-format-14"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "kvkit-tidy"
# Parsing LibTorch takes a minute and 2 GB a file.
NOT_TIDIED = re.compile(r"^lib/torch/(module|kv_cache\.hpp)")


def tracked(*patterns):
    listing = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
                             capture_output=True, text=True, check=True)
    return [name for name in listing.stdout.splitlines() if os.path.exists(name)]


def format_errors():
    sources = tracked("*.cpp", "*.hpp", "*.h")
    result = subprocess.run([FORMAT, "--dry-run", "-Werror", *sources], capture_output=True, text=True, check=False)
    return result.stderr + ("\n  hint: make format\n" if result.returncode else "")


def script_errors():
    errors = []
    for name in tracked("*.sh", ".ci/run"):
        errors.append(subprocess.run(["bash", "-n", name], capture_output=True, text=True, check=False).stderr)
    for name in tracked("*.py"):
        try:
            compile(Path(name).read_text(), name, "exec")
        except SyntaxError as error:
            errors.append(f"{name}:{error.lineno}: {error.msg}\n")
    return "".join(errors)


def link_errors():
    """Relative links in documents that lead nowhere."""
    errors = []
    for name in tracked("*.md"):
        for number, line in enumerate(Path(name).read_text().splitlines(), 1):
            for target in re.findall(r"\]\(([^)#\s]+)", line):
                if "://" not in target and not (Path(name).parent / target).exists():
                    errors.append(f"{name}:{number}: no such file: {target}\n")
    return "".join(errors)


def compiler_call(entry):
    """The compiler and its options, without launchers, input and output."""
    words = shlex.split(entry["command"])
    while not re.search(r"(\+\+|/cc|gcc|clang)$", words[0]):  # ccache and its settings
        words.pop(0)
    return words[:words.index("-MD")] if "-MD" in words else words[:words.index("-o")]


def digest(compiler, source, check):
    """Of everything of ours that `check` would read for this source; None if the compiler cannot tell."""
    listing = subprocess.run([*compiler, "-MM", "-x", "c++", source], capture_output=True, text=True, check=False)
    if listing.returncode:
        return None
    sha = hashlib.sha256(" ".join(check).encode() + Path(".clang-tidy").read_bytes())
    for name in sorted(listing.stdout.replace("\\\n", " ").split()[1:]):
        if "/generated/" not in name:  # holds the git revision
            sha.update(Path(name).read_bytes())
    return sha.hexdigest()


def look(compiler, source, check):
    """What `check` says of a source, "" if it is clean."""
    key = digest(compiler, source, check)
    clean = CACHE / (key or "")
    if key and clean.exists():
        return ""
    result = subprocess.run([*check, source], capture_output=True, text=True, check=False)
    if result.returncode:
        return result.stdout + result.stderr
    if key:
        CACHE.mkdir(parents=True, exist_ok=True)
        clean.touch()
    return ""


def code_errors(jobs, deep):
    """clang-tidy over lib/ and tools/, and every header of lib/ alone, as a user may include it."""
    entries = {}
    for entry in json.loads(Path("build/release/compile_commands.json").read_text()):
        name = os.path.relpath(entry["file"])
        if re.match(r"(lib|tools)/", name) and not NOT_TIDIED.match(name):
            entries[name] = compiler_call(entry)
    tidy = [TIDY, "-p", "build/release", "--quiet", "--extra-arg=-Wno-unknown-warning-option",
            *(["--checks=clang-analyzer-*"] if deep else [])]
    work = [(compiler, name, tidy) for name, compiler in entries.items()]
    compiler = entries["lib/base/parse.cpp"]
    # Included into nothing: as a source of its own g++ 12 warns of its #pragma once.
    alone = [*compiler, "-fsyntax-only", "-Wno-unused-function", "-x", "c++", "/dev/null", "-include"]
    work += [(compiler, name, alone) for name in tracked("lib/*.hpp") if not NOT_TIDIED.match(name)]
    found = set()  # of several files that include it, a header is shown once
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        for done in concurrent.futures.as_completed(pool.submit(look, *args) for args in work):
            for finding in re.split(r"(?m)^(?=/?[\w./-]+:\d+:\d+: (?:error|warning))", done.result()):
                if re.match(r"\S+: (error|warning)", finding) and finding not in found:
                    print(finding, end="", flush=True)
                    found.add(finding)
    print(f"clang-tidy and headers alone: {len(work)} files, {len(found)} findings")
    return bool(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-j", dest="jobs", type=int, default=os.cpu_count())
    parser.add_argument("--deep", action="store_true", help="add clang's static analyzer (three times slower)")
    options = parser.parse_args()
    for tool in (TIDY, FORMAT):
        if not shutil.which(tool):
            sys.exit(f"lint: {tool} is not here; another version would judge otherwise.\n"
                     "  hint: it is Debian 12's; run `make lint` there, or let CI do it")
    failed = []
    for what, errors in (("formatting", format_errors()), ("scripts", script_errors()), ("links", link_errors()),
                         ("code", code_errors(options.jobs, options.deep))):
        if errors is True or errors and errors.strip():
            print("" if errors is True else errors, end="")
            failed.append(what)
    print(f"lint: {'findings in ' + ', '.join(failed) if failed else 'clean'}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
