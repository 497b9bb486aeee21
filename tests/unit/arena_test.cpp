#include <doctest/doctest.h>
#include <sys/resource.h>

#include <map>
#include <numeric>
#include <set>
#include <string>
#include <vector>

#include "backend/arena_layout.hpp"
#include "backend/key_index.hpp"
#include "base/random.hpp"
#include "base/version.hpp"

using namespace kv;

namespace {

Needs needs(std::size_t body, std::uint32_t parts, std::uint64_t unique) {
  return {.name_space = {},
          .parts = parts,
          .max_body_bytes = body,
          .max_block_bytes = body * parts,
          .unique_blocks = unique};
}

}  // namespace

TEST_SUITE("arena") {
  TEST_CASE("granules are a power of two from 64 bytes to 2 MiB, a sixteenth of a body or what divides it") {
    const auto granule = [](std::size_t body) {
      return plan_arena("local", 100_GiB, std::nullopt, needs(body, 1, 1), 100_GiB)->granule_bytes;
    };
    CHECK(granule(1) == 64);
    CHECK(granule(100) == 64);
    CHECK(granule(256) == 256);
    CHECK(granule(4096) == 4096);
    CHECK(granule(5000) == 256);
    CHECK(granule(12 * 1024) == 4096);
    CHECK(granule(100'000) == 4096);
    CHECK(granule(1 << 20) == 65536);
    CHECK(granule(3 << 20) == 131072);
    CHECK(granule(std::size_t{1} << 30) == 2 << 20);
  }

  TEST_CASE("a block weighs what its parts can need at most, however the bytes are spread") {
    const ArenaLayout one{.granule_bytes = 4096, .parts = 1}, three{.granule_bytes = 4096, .parts = 3};
    CHECK(one.granules_for(0) == 1);
    CHECK(one.granules_for(4096) == 1);
    CHECK(one.granules_for(4097) == 2);
    CHECK(three.granules_for(3) == 3);             // one byte each
    CHECK(three.granules_for(2 * 4096 + 2) == 4);  // 4097 + 4096 + 1
    CHECK(three.granules_for(2 * 4096 + 3) == 5);  // 4097 + 4097 + 1
  }

  TEST_CASE("a capacity holds what it says, of small bodies in many parts too") {
    // 512 tokens of 8 bytes over 16 ranks: 16 bodies of 256 bytes, 4 KiB a block.
    const auto layout = plan_arena("local", 1_MiB, std::nullopt, needs(256, 16, 100'000), 1_GiB);
    CHECK(layout->capacity / layout->weight_of({.key = {}, .bytes = 4096}) == 256);
    for (const std::size_t body : {64UL, 100UL, 1000UL, 5000UL, 9000UL, 70'000UL, 1UL << 20}) {
      for (const std::uint32_t parts : {1U, 3U, 16U}) {
        CAPTURE(body);
        CAPTURE(parts);
        const auto many =
            plan_arena("local", Bytes(100 * parts * body), std::nullopt, needs(body, parts, 1000), 10_GiB);
        const auto held = many->capacity / many->weight_of({.key = {}, .bytes = parts * body});
        CHECK(held >= (body < 1000 ? 78 : 94));  // of 100; a body of 100 bytes takes 128
      }
    }
  }

  TEST_CASE("small granules are no more than 64 Mi, however large the capacity, unless values are") {
    const auto granules = [](std::size_t body, Bytes capacity, std::optional<std::uint64_t> blocks) {
      const auto layout = plan_arena("local", capacity, blocks, needs(body, 1, 0), Bytes(~std::uint64_t{0}));
      CHECK(layout->granule_bytes <= 4096);
      return layout->granules;
    };
    CHECK(granules(5000, 64_GiB, std::nullopt) == 1 << 26);             // of 1 KiB instead of 256 bytes
    CHECK(granules(100, Bytes(0), std::uint64_t{1} << 25) == 1 << 26);  // two of 64 bytes a block
    CHECK(granules(100, Bytes(0), std::uint64_t{1} << 26) == 1 << 26);  // one of 128
    CHECK(granules(64, Bytes(0), std::uint64_t{1} << 30) == 1 << 30);
  }

  TEST_CASE("capacity in bytes is rounded down to granules, and never more than the workload can fill") {
    const auto layout = plan_arena("local", Bytes(10'000), std::nullopt, needs(4096, 1, 100), 1_GiB);
    CHECK(layout->granules == 2);
    CHECK(layout->capacity == 2);
    CHECK(plan_arena("local", 100_GiB, std::nullopt, needs(5000, 1, 3), 1_MiB)->granules == 3 * 20);
  }

  TEST_CASE("capacity_blocks takes whole blocks of the largest size, and never more than are unique") {
    const auto layout = plan_arena("local", Bytes(0), 7, needs(5000, 2, 100), 1_GiB);
    CHECK(layout->capacity == 7);
    CHECK(layout->block_granules == 2 * 20);  // of 256 bytes
    CHECK(layout->granules == 7 * 40);
    CHECK(layout->weight_of({.key = {}, .bytes = 10'000}) == 1);
    CHECK(plan_arena("local", Bytes(0), ~std::uint64_t{0}, needs(5000, 2, 3), 1_GiB)->capacity == 3);
  }

  TEST_CASE("what cannot hold a block, or is not there, is refused before anything is measured") {
    const auto refused = [](Bytes capacity, std::optional<std::uint64_t> blocks, Bytes available) {
      const auto layout = plan_arena("local", capacity, blocks, needs(1 << 20, 1, 1000), available);
      REQUIRE_FALSE(layout.has_value());
      CHECK(layout.error().code == Code::bad_input);
      CHECK(layout.error().hint.size() > 0);
      return layout.error().message;
    };
    CHECK(refused(Bytes(0), std::nullopt, 1_GiB).find("holds not one block") != std::string::npos);
    CHECK(refused(1_MiB - Bytes(1), std::nullopt, 1_GiB).find("the largest takes 1.0 MiB") != std::string::npos);
    CHECK(refused(Bytes(0), 0, 1_GiB) == "local: capacity_blocks=0 holds no block");
    CHECK(refused(Bytes(0), 100, 10_MiB) ==
          "local: 100 blocks of 1.0 MiB take 100 MiB, but only 10.0 MiB of memory are available");
    CHECK(refused(1_GiB, std::nullopt, 500_MiB).find("take 1000 MiB") != std::string::npos);
  }

  TEST_CASE("a body comes back from scattered granules") {
    constexpr std::size_t kGranule = 4096;
    const auto arena = make_host_arena(16, kGranule);
    REQUIRE(arena.has_value());
    const std::vector<Granule> scattered{3, 4, 5, 1, 0, 15};
    Random random(3);
    for (const std::size_t size :
         {0UL, 1UL, kGranule, 3 * kGranule, 3 * kGranule + 1, 6 * kGranule - 5, 6 * kGranule}) {
      std::vector<std::byte> want(size), got(size);
      for (std::byte& b : want) b = static_cast<std::byte>(random.next() & 0xff);
      REQUIRE(write_granules(**arena, kGranule, scattered, want).has_value());
      REQUIRE(read_granules(**arena, kGranule, scattered, got).has_value());
      CHECK(got == want);
    }
  }

  TEST_CASE("host memory has its pages before anything is stored: writing faults none in") {
    constexpr std::size_t kGranule = 4096, kGranules = 4096;
    const auto arena = make_host_arena(kGranules, kGranule);
    REQUIRE(arena.has_value());
    const std::vector<std::byte> body(kGranule, std::byte{1});
    const auto faults = [] {
      rusage usage{};
      getrusage(RUSAGE_SELF, &usage);
      return usage.ru_minflt;
    };
    const auto before = faults();
    for (Granule g = 0; g < kGranules; ++g) REQUIRE((*arena)->write(g, body).has_value());
    const bool sanitized = version().build_type.find('+') != std::string::npos;  // then shadow memory faults, too
    CHECK((sanitized || faults() - before < 100));                               // of 4096 pages
  }

  TEST_CASE("granules are handed out once, and all of them") {
    GranuleHeap heap(10);
    std::vector<Granule> a, b;
    REQUIRE(heap.take(6, a));
    CHECK(a == std::vector<Granule>{0, 1, 2, 3, 4, 5});
    CHECK_FALSE(heap.take(5, b));
    CHECK(b.empty());
    heap.give_back(std::span(a).subspan(1, 3));
    CHECK(heap.used() == 3);
    REQUIRE(heap.take(7, b));
    CHECK(std::vector<Granule>(b.begin(), b.begin() + 3) ==
          std::vector<Granule>{1, 2, 3});  // warm ones first, in order
    CHECK(std::set<Granule>(b.begin(), b.end()) == std::set<Granule>{1, 2, 3, 6, 7, 8, 9});
    CHECK(heap.used() == 10);
    CHECK_FALSE(heap.take(1, b));
  }

  TEST_CASE("the key index agrees with std::map over random inserts and erases") {
    KeyIndex index;
    std::map<std::pair<std::uint64_t, std::uint64_t>, Handle> reference;
    Random random(11);
    for (int step = 0; step < 200'000; ++step) {
      const Key key{random.below(2), random.below(3000)};
      const auto known = reference.find({key.space, key.block});
      REQUIRE(index.find(key) == (known == reference.end() ? kNoHandle : known->second));
      if (known != reference.end()) {
        index.erase(key);
        reference.erase(known);
      } else if (random.below(3) != 0) {
        const auto handle = static_cast<Handle>(random.below(1000));
        index.insert(key, handle);
        reference[{key.space, key.block}] = handle;
      }
    }
  }
}
