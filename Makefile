# kvkit: `make` says what there is to do. Everything is made below build/, the tools in build/release/bin.
JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
export FUZZ_SECONDS ?= 20
DEMO ?= build/release/bin/kvbench run workloads/small_gpu.jsonl --model qwen2.5-7b --gpu l4 --engine-cache 1GiB

BENCH_JSON ?= build/release/bench.json
PEERS_JSON ?= build/release/peers.json
# Medians of five in an order that spreads what disturbs the machine over all.
BENCH = build/release/bin/kvmicro --benchmark_min_time=0.1 --benchmark_repetitions=5 --benchmark_enable_random_interleaving=true \
  --benchmark_report_aggregates_only=true --benchmark_out_format=json

.DEFAULT_GOAL := help
.PHONY: help deps build demo check check-asan check-tsan check-fuzz coverage bench bench-peers bench-docs lint format install clean

help:  ## say what each target does
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

deps:  ## install what is missing of cmake/packages.txt (Debian; no network, no root where nothing is)
	@cmake/deps.sh build test torch

build:  ## build the tools into build/release/bin
	$(call build_preset,release)

demo: deps  ## from nothing to a first table: null, local and Redis on a small chat workload
	$(call build_preset,release,--target kvbench)
	$(DEMO)

check: deps  ## build, run every test, sum up by label
	$(call check_preset,release)

check-asan: deps  ## unit and conformance tests under AddressSanitizer and UBSan
	$(call check_preset,asan-ubsan)

check-tsan: deps  ## unit and conformance tests under ThreadSanitizer
	$(call check_preset,tsan)

check-fuzz:  ## fuzz everything that reads bytes from outside, FUZZ_SECONDS=20 each (clang)
	@cmake/deps.sh build fuzz
	$(call check_preset,fuzz)

coverage:  ## run every test with gcov; build/coverage/index.html
	@cmake/deps.sh build test torch coverage
	$(call check_preset,coverage)
	gcovr --root . --filter lib/ --object-directory build/coverage --html-details build/coverage/index.html --print-summary

bench:  ## run the micro-benchmarks and print the table of docs/performance.md (BENCH_FLAGS=--benchmark_filter=...)
	$(call build_preset,release,--target kvmicro)
	$(BENCH) --benchmark_out=$(BENCH_JSON) $(BENCH_FLAGS)
	tools/kvmicro/table.py $(BENCH_JSON)

bench-peers:  ## the same beside redis-benchmark and the Python yardstick of KVKIT_PEERS=../shared/peers
	$(call build_preset,release,--target kvmicro)
	tools/kvmicro/peers.py build/release/bin/kvmicro $(PEERS_JSON)
	$(BENCH) --benchmark_out=$(BENCH_JSON) $(BENCH_FLAGS)
	tools/kvmicro/table.py $(BENCH_JSON) $(PEERS_JSON)

bench-docs:  ## write what `make bench-peers` measured last into docs/performance.md
	tools/kvmicro/table.py $(BENCH_JSON) $(PEERS_JSON) --update docs/performance.md

lint:  ## check formatting, clang-tidy and the scripts (Debian 12's clang 14)
	@cmake/deps.sh build lint
	@$(call configure,release)
	cmake/lint.py -j $(JOBS)

format:  ## format every C++ file in place (clang-format 14)
	git ls-files '*.cpp' '*.hpp' '*.h' | xargs clang-format-14 -i

install:  ## install tools, library and headers below PREFIX=/usr/local
	$(call build_preset,release)
	cmake --install build/release --prefix $(PREFIX)

clean:  ## remove build/
	rm -rf build

# Configured once; from then on ninja notices by itself what needs configuring again.
configure = test -e build/$(1)/build.ninja || cmake --preset $(1)
define build_preset
@$(call configure,$(1))
cmake --build --preset $(1) -j $(JOBS) $(2)
endef
define check_preset
$(call build_preset,$(1))
tests/check.py $(1) -j $(JOBS)
endef
