#!/usr/bin/env python3
"""Holds the source to its architecture (docs/architecture.md):  architecture_test.py PROJECT

Includes point one way, lib/ neither prints nor exits, LibTorch is included in lib/torch alone, own headers have
#pragma once. Says file:line and the rule.
"""
import re
import sys
from pathlib import Path

# What a directory of lib/ may include besides itself.
BASE = {"base"}
NET = BASE | {"net"}
MODEL = BASE | {"model"}
MIDDLE = MODEL | NET | {"workload", "policy", "codec", "backend", "prefill", "metrics", "torch", "engine"}
FETCH = MODEL | {"prefill", "fetch"}
SIM = MODEL | {"workload", "policy", "prefill", "metrics", "sim"}
PROBE = MIDDLE | {"probe"}
CURVE = MODEL | {"workload", "policy", "metrics", "curve"}
PRICE = BASE | {"price"}
PLAN = FETCH | CURVE | PRICE | SIM | {"stats", "plan"}
IMPORT = MODEL | {"workload", "import"}
ABOVE_CURVE = CURVE | {"profile", "stats"}
STORE = MIDDLE | {"store"}
TOP = PROBE | ABOVE_CURVE | PRICE | {"import", "fetch", "sim", "plan", "replay", "report"}
MAY_INCLUDE = {"base": BASE, "torch": BASE, "net": NET, "model": MODEL, **{d: MIDDLE for d in MIDDLE - MODEL - NET - {"torch"}},
               "curve": CURVE, "import": IMPORT, "profile": CURVE | {"profile"}, "stats": CURVE | {"stats"},
               "probe": PROBE, "store": STORE, "fetch": FETCH, "price": PRICE, "sim": SIM, "plan": PLAN, "replay": PROBE | {"fetch", "replay"}, "report": TOP}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')
FORBIDDEN_IN_LIB = [
    (re.compile(r"\bstd::(cout|cerr|clog)\b|\bfmt::print\b|(?<![\w:.>])(std::)?(printf|fprintf|puts|fputs|perror)\s*\("),
     "lib/ never prints: return the text, or an Error, and let the tool show it"),
    (re.compile(r"(?<![\w:.>])(std::)?(exit|_Exit|quick_exit|abort|terminate)\s*\("),
     "lib/ never exits: return an Error, and let the tool choose the exit code"),
    (re.compile(r"\bassert\s*\(\s*false\s*\)"), "say what cannot happen: assert(false && \"...\")"),
]
# A process of its own, which has nobody to return to (fork .. exec).
ALLOWED = re.compile(r"\b_exit\s*\(")


def without_comments(text):
    """Comments and string literals blanked, line numbers kept."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m.group(0)) if m.group(0)[0] in "/R" else '""', text,
                  flags=re.DOTALL)


def check_includes(name, text, directory, lib):
    for number, line in enumerate(text.splitlines(), 1):
        match = INCLUDE.match(line)
        if not match:
            continue
        quoted, target = match.group(1) == '"', match.group(2)
        if re.match(r"(torch|ATen|c10|caffe2)/", target) and not (quoted and (lib / target).exists()):
            if directory != "torch":
                yield f"{name}:{number}: only lib/torch includes LibTorch (<{target}>); go through torch/loader.hpp"
            continue
        other = target.split("/")[0]
        if not quoted or other not in MAY_INCLUDE:
            if quoted and directory and "/" not in target:
                yield f'{name}:{number}: write the path from lib/: "{directory}/{target}"'
            continue
        if directory and other != directory and other not in MAY_INCLUDE[directory]:
            yield f"{name}:{number}: {directory} may not include {other} (includes point one way, docs/architecture.md)"


def violations(project):
    lib = project / "lib"
    for path in sorted([*lib.rglob("*"), *(project / "tools").rglob("*")]):
        if path.suffix not in (".cpp", ".hpp", ".h"):
            continue
        name = path.relative_to(project)
        text = path.read_text()
        in_lib = name.parts[0] == "lib"
        directory = name.parts[1] if in_lib else None
        if in_lib and directory not in MAY_INCLUDE:
            yield f"{name}:1: unknown directory of lib/: add it to MAY_INCLUDE and to docs/architecture.md"
            continue
        yield from check_includes(name, text, directory, lib)
        if path.suffix != ".cpp" and "#pragma once" not in text:
            yield f"{name}:1: no #pragma once"
        if in_lib:
            for number, line in enumerate(without_comments(text).splitlines(), 1):
                for pattern, rule in FORBIDDEN_IN_LIB:
                    if pattern.search(ALLOWED.sub("", line)):
                        yield f"{name}:{number}: {rule}"


def main():
    found = list(violations(Path(sys.argv[1]).resolve()))
    print("\n".join(found) if found else "includes point one way; lib/ neither prints nor exits")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
