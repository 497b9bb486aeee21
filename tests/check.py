#!/usr/bin/env python3
"""Runs ctest and sums up by label:  tests/check.py PRESET [ctest options]

Fails as ctest does and, where the environment has CI set, also if a test that needs Redis was skipped.
"""
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as xml
from collections import defaultdict


def labels_of(preset):
    listing = subprocess.run(["ctest", "--preset", preset, "--show-only=json-v1"], capture_output=True, text=True,
                             check=True).stdout
    tests = json.loads(listing[listing.index("{"):])["tests"]
    labels = {}
    for test in tests:
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        labels[test["name"]] = properties.get("LABELS", ["none"])
    return labels


def main():
    preset, *options = sys.argv[1:]
    junit = os.path.abspath(f"build/{preset}/check.xml")
    if os.path.exists(junit):
        os.remove(junit)
    status = subprocess.run(["ctest", "--preset", preset, "--output-junit", junit, *options], check=False).returncode
    if not os.path.exists(junit):
        return status or 1

    labels = labels_of(preset)
    counts = defaultdict(lambda: defaultdict(int))
    skipped_redis = []
    for case in xml.parse(junit).getroot().iter("testcase"):
        outcome = {"run": "passed", "fail": "failed"}.get(case.get("status"), "skipped")
        for label in labels.get(case.get("name"), ["none"]) + ["all"]:
            counts[label][outcome] += 1
            if label == "needs-redis" and outcome == "skipped":
                skipped_redis.append(case.get("name"))
        if outcome == "skipped":
            why = re.search(r"SKIPPED: (.*)", case.findtext("system-out") or "")
            print(f"skipped: {case.get('name')}: {why.group(1) if why else 'it says nothing why'}")

    width = max(map(len, counts))
    print(f"\n{preset:{width}}  passed  failed  skipped")
    total = counts.pop("all")
    for label, row in sorted(counts.items()) + [("all", total)]:
        print(f"{label:{width}}  {row['passed']:6}  {row['failed']:6}  {row['skipped']:7}")
    ran = total["passed"] + total["failed"]
    share = 100 * total["passed"] // ran if ran else 0
    print(f"\n{share}% tests passed, {total['failed']} tests failed out of {ran}")
    if skipped_redis and os.environ.get("CI"):
        print("check: under CI no test that needs Redis may be skipped: " + ", ".join(skipped_redis))
        return 1
    return status


if __name__ == "__main__":
    sys.exit(main())
