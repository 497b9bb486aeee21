#include <doctest/doctest.h>

#include <array>
#include <cstring>
#include <thread>
#include <vector>

#include "backend/arena.hpp"
#include "base/random.hpp"
#include "codec/codec.hpp"
#include "torch/loader.hpp"
#include "torch/module_frame.hpp"

using namespace kv;

namespace {

const KvTorchModule* module_or_say() {
  const auto module = torch_module();
  if (module) return *module;
  MESSAGE("left out: " << module.error().message);
  CHECK(module.error().code == Code::unavailable);
  CHECK(module.error().hint.find("libtorch-dev") != std::string::npos);
  return nullptr;
}

std::string bytes_of(std::size_t count, std::uint64_t seed) {
  Random random(seed);
  std::string bytes(count, '\0');
  for (char& c : bytes) c = static_cast<char>(random.next());
  return bytes;
}

std::string pickled(Codec& codec, const PayloadShape& shape, const std::string& payload) {
  std::string body(codec.bound(shape), '\0');
  const auto written = codec.encode(shape, std::as_bytes(std::span(payload)), std::as_writable_bytes(std::span(body)));
  REQUIRE(written.has_value());
  body.resize(*written);
  return body;
}

}  // namespace

TEST_SUITE("torch_module") {
  TEST_CASE("a place without a module says so, and what would help") {
    const auto missing = load_torch_module("/nowhere/libkvkit_torch.so");
    REQUIRE_FALSE(missing.has_value());
    CHECK(missing.error().code == Code::unavailable);
    CHECK(missing.error().message.find("/nowhere/libkvkit_torch.so") != std::string::npos);
    CHECK(missing.error().hint.find("KVKIT_TORCH_MODULE") != std::string::npos);
  }

  TEST_CASE("a library that is no module of ours is refused") {
    const auto other = load_torch_module("libm.so.6");
    REQUIRE_FALSE(other.has_value());
    CHECK(other.error().message == "libm.so.6: not a kvkit module");
  }

  TEST_CASE("the module names its LibTorch and its device") {
    const KvTorchModule* module = module_or_say();
    if (module == nullptr) return;
    CHECK(std::strlen(module->torch_version) >= 3);
    std::array<char, 100> name{};
    std::array<char, 100> err{};
    int is_cuda = -1;
    std::uint64_t memory = 0;
    REQUIRE(module->device(name.data(), name.size(), &is_cuda, &memory, err.data(), err.size()) == 0);
    CHECK(std::string(name.data()).substr(0, is_cuda != 0 ? 4 : 3) == (is_cuda != 0 ? "cuda" : "cpu"));
  }

  TEST_CASE("an archive's overhead stays within the bound at every size") {
    const auto codec = parse_codec("pickle")->make();
    if (!codec) return;
    for (const std::uint64_t tokens : {0, 1, 31, 512, 100'000}) {
      const PayloadShape shape{Dtype::bf16, 3, 2, tokens, 8};
      const std::string payload = bytes_of(shape.bytes().count(), tokens);
      const std::string body = pickled(**codec, shape, payload);
      CAPTURE(tokens);
      CHECK(body.size() <= (*codec)->bound(shape));
      CHECK(body.size() >= payload.size());
      CHECK(body.substr(0, 4) == std::string("PK\3\4"));
    }
  }

  TEST_CASE("an archive of another process is read: nothing is remembered from writing it") {
    const PayloadShape shape{Dtype::fp16, 2, 2, 5, 3};
    const std::string payload = bytes_of(shape.bytes().count(), 1);
    const auto writer = parse_codec("pickle")->make(), reader = parse_codec("pickle")->make();
    if (!writer) return;
    const std::string body = pickled(**writer, shape, payload);
    std::string got(payload.size(), '\0');
    const auto decoded =
        (*reader)->decode(shape, std::as_bytes(std::span(body)), std::as_writable_bytes(std::span(got)));
    REQUIRE(decoded.has_value());
    CHECK(got == payload);
  }

  TEST_CASE("a frame fits every payload of its shape and nothing else") {
    const auto codec = parse_codec("pickle")->make();
    if (!codec) return;
    const PayloadShape shape{Dtype::bf16, 2, 2, 4, 2};
    const std::string zeros(shape.bytes().count(), '\0');
    const std::string a = pickled(**codec, shape, zeros), b = pickled(**codec, shape, bytes_of(zeros.size(), 2));
    const auto frame = ArchiveFrame::of(a);
    REQUIRE(frame.has_value());
    CHECK(frame->fits(a));
    CHECK(frame->fits(b));
    // The pickle program itself must not differ in a single byte.
    const std::size_t program = a.find("_rebuild_tensor_v2");
    REQUIRE(program != std::string::npos);
    for (std::size_t i = 0; i < 18; ++i) {
      std::string changed = a;
      changed[program + i] ^= 1;
      CHECK_FALSE(frame->fits(changed));
    }
    CHECK_FALSE(frame->fits(a.substr(1)));
    CHECK_FALSE(frame->fits(a + '\0'));
    CHECK_FALSE(frame->fits({}));
    CHECK_FALSE(ArchiveFrame::of({}).has_value());
    for (std::size_t size = 0; size < a.size(); ++size) CHECK_FALSE(ArchiveFrame::of(a.substr(0, size)).has_value());
  }

  TEST_CASE("an absurd shape is refused before memory is asked for") {
    const auto codec = parse_codec("pickle")->make();
    if (!codec) return;
    const PayloadShape huge{Dtype::fp32, 1'000'000, 2, 1'000'000'000, 1'000'000};
    std::string few(100, '\0');
    CHECK_FALSE((*codec)->encode(huge, {}, std::as_writable_bytes(std::span(few))).has_value());
    CHECK_FALSE((*codec)->decode(huge, {}, {}).has_value());
  }

  TEST_CASE("the device's arena keeps what each thread writes, and refuses what lies outside") {
    const KvTorchModule* module = module_or_say();
    if (module == nullptr) return;
    constexpr std::size_t kGranule = 4096;
    const auto arena = make_device_arena(8, kGranule);
    REQUIRE(arena.has_value());
    std::vector<std::thread> threads;
    std::vector<int> same(4, 0);
    for (std::uint32_t t = 0; t < 4; ++t) {
      threads.emplace_back([&, t] {
        const std::string want = bytes_of(kGranule + 1000, t);
        std::string got(want.size(), '\0');
        const bool copied = (*arena)->write(t * 2, std::as_bytes(std::span(want))).has_value() &&
                            (*arena)->read(t * 2, std::as_writable_bytes(std::span(got))).has_value();
        same[t] = copied && got == want;
      });
    }
    for (std::thread& thread : threads) thread.join();
    CHECK(same == std::vector<int>(4, 1));
    std::string beyond(kGranule + 1, '\0');
    CHECK_FALSE((*arena)->write(7, std::as_bytes(std::span(beyond))).has_value());
    CHECK_FALSE((*arena)->read(8, std::as_writable_bytes(std::span(beyond).first(1))).has_value());
  }
}
