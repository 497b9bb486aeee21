#include <doctest/doctest.h>
#include <unistd.h>
#include <zstd.h>

#include <array>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>

#include "model/element.hpp"
#include "replay/payload.hpp"
#include "support/safetensors_file.hpp"

using namespace kv;

namespace {

using Data = std::vector<std::byte>;

Data make(const PayloadSource& source, const Key& key, const PayloadShape& shape) {
  Data out(shape.bytes().count());
  source.fill(key, 0, shape, out);
  return out;
}

std::unique_ptr<Codec> codec_of(const char* spec) { return std::move(*parse_codec(spec)->make()); }

/// A directory that goes with the test.
class Directory {
 public:
  Directory() : path_(std::filesystem::temp_directory_path() / ("kvkit-payload-" + std::to_string(getpid()))) {
    std::filesystem::create_directories(path_);
  }
  ~Directory() { std::filesystem::remove_all(path_); }
  std::string write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return (path_ / name).string();
  }
  std::string path(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_;
};

std::string stored(Dtype dtype, const std::vector<float>& values) {
  Data bytes(values.size() * dtype_bytes(dtype));
  for (std::size_t i = 0; i < values.size(); ++i) store_element(dtype, values[i], &bytes[i * dtype_bytes(dtype)]);
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

std::vector<float> loaded(Dtype dtype, std::span<const std::byte> bytes) {
  std::vector<float> out;
  for (std::size_t at = 0; at < bytes.size(); at += dtype_bytes(dtype)) out.push_back(load_element(dtype, &bytes[at]));
  return out;
}

std::string entry(const std::string& name, const char* dtype, std::size_t elements, std::size_t begin,
                  std::size_t end) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":[" + std::to_string(elements) +
         "],\"data_offsets\":[" + std::to_string(begin) + "," + std::to_string(end) + "]}";
}

/// Of one token: K's channels, then V's.
std::vector<float> first_token(const std::string& path, const PayloadShape& shape, Dtype kv_dtype) {
  const auto content = parse_payload(path, kv_dtype, {&shape, 1});
  REQUIRE_MESSAGE(content.has_value(), content.error().message);
  return loaded(shape.dtype, make(PayloadSource({&shape, 1}, *content), {1, 2}, shape));
}

std::string refusal(const std::string& path, const PayloadShape& shape) {
  const auto content = parse_payload(path, shape.dtype, {&shape, 1});
  if (content) return "";
  CHECK(content.error().code == Code::bad_input);
  CHECK_FALSE(content.error().hint.empty());
  return content.error().message;
}

}  // namespace

TEST_SUITE("payload kinds") {
  TEST_CASE("every kind is made of its key, is told from others, and a changed byte is found") {
    const Directory directory;
    std::string raw;
    for (int i = 0; i < 40000; ++i) raw += static_cast<char>(i * i >> 3);
    const std::string file = directory.write("raw.bin", raw);
    for (const std::string& what : {std::string("kv"), std::string("zeros"), std::string("noise"), file}) {
      for (const Dtype dtype : all_dtypes()) {
        CAPTURE(what);
        const PayloadShape shape{dtype, 2, 2, 9, 7};
        const auto content = parse_payload(what, dtype, {&shape, 1});
        REQUIRE(content.has_value());
        const PayloadSource source({&shape, 1}, *content), another({&shape, 1}, *content);
        const auto raw_codec = codec_of("raw");
        Data scratch, bytes = make(source, {3, 4}, shape);
        CHECK(bytes == make(another, {3, 4}, shape));
        CHECK(source.verify({3, 4}, 0, shape, bytes, *raw_codec, scratch));
        CHECK((make(source, {3, 5}, shape) == bytes) == (what == "zeros"));
        CHECK(source.verify({3, 5}, 0, shape, bytes, *raw_codec, scratch) == (what == "zeros"));
        for (std::size_t i = 0; i < bytes.size(); ++i) {
          bytes[i] ^= std::byte{0x40};
          REQUIRE_FALSE(source.verify({3, 4}, 0, shape, bytes, *raw_codec, scratch));
          bytes[i] ^= std::byte{0x40};
        }
      }
    }
  }

  TEST_CASE("noise is finite, has both signs and every exponent, and no compressor gains on it") {
    for (const Dtype dtype : all_dtypes()) {
      const PayloadShape shape{dtype, 1, 2, 1024, 128};
      const auto content = parse_payload("noise", dtype, {&shape, 1});
      const Data bytes = make(PayloadSource({&shape, 1}, *content), {5, 6}, shape);
      std::size_t negative = 0, above_one = 0;
      for (const float value : loaded(dtype, bytes)) {
        REQUIRE(std::isfinite(value));
        negative += std::signbit(value);
        above_one += std::abs(value) > 1;
      }
      CHECK(negative > bytes.size() / dtype_bytes(dtype) * 45 / 100);
      CHECK(above_one > bytes.size() / dtype_bytes(dtype) * 40 / 100);
      for (const char* codec_name : {"zstd:9", "shuffle+zstd", "bitshuffle"}) {
        auto spec = parse_codec(codec_name);
        if (!spec) continue;
        const auto codec = *spec->make();
        Data body(codec->bound(shape));
        const auto size = codec->encode(shape, bytes, body);
        REQUIRE(size.has_value());
        CAPTURE(codec_name);
        CHECK(static_cast<double>(bytes.size()) / static_cast<double>(*size) < 1.02);
      }
    }
  }

  TEST_CASE("zeros are zeros of every type") {
    for (const Dtype dtype : all_dtypes()) {
      const PayloadShape shape{dtype, 1, 1, 3, 5};
      const auto content = parse_payload("zeros", dtype, {&shape, 1});
      CHECK(make(PayloadSource({&shape, 1}, *content), {5, 6}, shape) == Data(shape.bytes().count()));
      CHECK_FALSE(content->ratio_warning().empty());
    }
    CHECK(PayloadContent().ratio_warning().empty());
  }

  TEST_CASE("a raw file's rows follow each other and begin again behind the last whole one") {
    const Directory directory;
    // 5 rows of 3 elements, and one element more, which is in no row.
    const std::string path =
        directory.write("raw", stored(Dtype::fp16, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 99}));
    const PayloadShape shape{Dtype::fp16, 1, 1, 11, 3};
    const auto content = parse_payload(path, Dtype::fp16, {&shape, 1});
    REQUIRE(content.has_value());
    CHECK(content->name == "file raw");
    CHECK(content->held() == Bytes(32));
    for (const std::uint64_t block : {1, 2, 3}) {
      const auto got = loaded(Dtype::fp16, make(PayloadSource({&shape, 1}, *content), {7, block}, shape));
      CHECK(std::fmod(got[0], 3) == 0);
      for (std::size_t i = 1; i < got.size(); ++i) CHECK(got[i] == std::fmod(got[i - 1] + 1, 15));
    }
  }

  TEST_CASE("tensors named like keys make K, those named like values V, the only plane is made of all") {
    const Directory directory;
    const std::string header = "{" + entry("layers.0.k_proj", "F32", 2, 0, 8) + "," +
                               entry("layers.0.v_proj", "BF16", 2, 8, 12) + "," + entry("pos", "I64", 1, 12, 20) + "}";
    const std::string data = stored(Dtype::fp32, {1, 2}) + stored(Dtype::bf16, {3, 4}) + std::string(8, '\x7f');
    const std::string path = directory.write("kv.safetensors", test::safetensors_file(header, data));
    const PayloadShape pair{Dtype::fp16, 1, 2, 1, 2}, only{Dtype::fp32, 1, 1, 1, 4};
    CHECK(first_token(path, pair, Dtype::fp16) == std::vector<float>{1, 2, 3, 4});
    CHECK(first_token(path, only, Dtype::bf16) == std::vector<float>{1, 2, 3, 4});
    const auto content = parse_payload(path, Dtype::fp16, {&pair, 1});
    REQUIRE(content->notes.size() == 1);
    CHECK(content->notes[0].find("1 tensors of integers") != std::string::npos);

    // Names that tell only one side tell nothing.
    const std::string one = "{" + entry("a.k", "F32", 1, 0, 4) + "," + entry("b", "F32", 1, 4, 8) + "}";
    const std::string anonymous =
        directory.write("anonymous", test::safetensors_file(one, stored(Dtype::fp32, {5, 6})));
    CHECK(first_token(anonymous, pair, Dtype::fp16) == std::vector<float>{5, 6, 5, 6});
  }

  TEST_CASE("the last piece of a name that says K or V decides") {
    for (const char* name : {"k", "K", "layers.0.self_attn.k_proj.weight", "cache/k", "key_cache.3", "cache_k",
                             "past_key_values.0.key", "layer-7-keys", "v_blocks.2.k"}) {
      CAPTURE(name);
      CHECK(payload_role(name) == PayloadRole::keys);
    }
    for (const char* name :
         {"v", "layers.0.v", "v_cache.1", "value_states", "past_key_values.0.value", "k/v/values.0"}) {
      CAPTURE(name);
      CHECK(payload_role(name) == PayloadRole::values);
    }
    for (const char* name :
         {"", ".", "//", "kv", "layers.0.kv_cache", "past_key_values.0", "monkey", "latent", "q_proj"}) {
      CAPTURE(name);
      CHECK(payload_role(name) == PayloadRole::unknown);
    }
  }

  TEST_CASE("every type of tensor becomes every type of KV, element by element as element.hpp says") {
    const Directory directory;
    const std::vector<float> values = {0, 1, -2, 5, 100, -7, 3, -128};
    const std::pair<const char*, Dtype> kTypes[] = {{"F32", Dtype::fp32},
                                                    {"BF16", Dtype::bf16},
                                                    {"F16", Dtype::fp16},
                                                    {"F8_E4M3", Dtype::fp8_e4m3},
                                                    {"I8", Dtype::int8}};
    for (const auto& [name, from] : kTypes) {
      const std::string data = stored(from, values);
      const std::string path = directory.write(
          "t", test::safetensors_file("{" + entry("x", name, values.size(), 0, data.size()) + "}", data));
      for (const Dtype to : all_dtypes()) {
        const PayloadShape shape{to, 1, 1, 1, values.size()};
        Data want(shape.bytes().count());
        for (std::size_t i = 0; i < values.size(); ++i) {
          const float value =
              load_element(from, reinterpret_cast<const std::byte*>(data.data()) + i * dtype_bytes(from));
          store_element(to, value, &want[i * dtype_bytes(to)]);
        }
        CHECK(first_token(path, shape, to) == loaded(to, want));
      }
    }
  }

  TEST_CASE("NaN and infinity of a user's file pass through every codec and its verification") {
    const Directory directory;
    const float nan = std::numeric_limits<float>::quiet_NaN(), inf = std::numeric_limits<float>::infinity();
    std::vector<float> values;
    for (int i = 0; i < 64; ++i) values.insert(values.end(), {1.5F, nan, -3, inf, 0, -inf, 70000, 1e-3F});
    for (const Dtype dtype : {Dtype::fp32, Dtype::bf16, Dtype::fp16}) {
      const std::string path = directory.write("nan", stored(dtype, values));
      const PayloadShape shape{dtype, 1, 2, 8, 8};
      const auto content = parse_payload(path, dtype, {&shape, 1});
      REQUIRE(content.has_value());
      const PayloadSource source({&shape, 1}, *content);
      for (const CodecRow& row : codecs()) {
        const auto spec = parse_codec(row.name);
        const auto made = spec->make();
        if (!made) continue;  // a library that is not there
        Codec& codec = **made;
        CAPTURE(row.name);
        const Data want = make(source, {8, 9}, shape);
        Data body(codec.bound(shape)), got(want.size()), scratch;
        const auto size = codec.encode(shape, want, body);
        REQUIRE(size.has_value());
        REQUIRE(codec.decode(shape, std::span(body).first(*size), got).has_value());
        CHECK(source.verify({8, 9}, 0, shape, got, codec, scratch));
      }
    }
  }

  TEST_CASE("no more than the bound is held of a large file, and that is said") {
    const Directory directory;
    const std::string path = directory.path("large");
    std::ofstream(path).put('x');
    std::filesystem::resize_file(path, kMostStreamBytes.count() + 4096);
    const PayloadShape shape{Dtype::bf16, 1, 2, 1, 128};
    const auto content = parse_payload(path, Dtype::bf16, {&shape, 1});
    REQUIRE(content.has_value());
    CHECK(content->held() == kMostStreamBytes);  // K and V share it
    REQUIRE(content->notes.size() == 1);
    CHECK(content->notes[0].find("32.0 MiB") != std::string::npos);
  }

  TEST_CASE("a file that cannot be used is named, with what to do") {
    const Directory directory;
    const PayloadShape shape{Dtype::bf16, 1, 2, 4, 64};
    CHECK(refusal(directory.path("absent"), shape).find("no such file") != std::string::npos);
    CHECK(refusal(directory.path(""), shape).find("directory") != std::string::npos);
    CHECK(refusal("/dev/zero", shape).find("no regular file") != std::string::npos);
    CHECK(refusal(directory.write("empty", ""), shape).find("empty") != std::string::npos);
    CHECK(refusal(directory.write("short", std::string(127, 'x')), shape).find("fewer than the 64 channels") !=
          std::string::npos);
    CHECK(refusal(directory.write("row", std::string(128, 'x')), shape).empty());
    CHECK(refusal(directory.write("x.safetensors", std::string(1000, 'x')), shape).find("header") != std::string::npos);
    const std::string doubles = "{" + entry("w.k", "F64", 64, 0, 512) + "}";
    CHECK(refusal(directory.write("f64", test::safetensors_file(doubles, std::string(512, 'x'))), shape)
              .find("tensor 'w.k' is of F64") != std::string::npos);
    const std::string indices = "{" + entry("i", "I64", 64, 0, 512) + "}";
    CHECK(refusal(directory.write("i64", test::safetensors_file(indices, std::string(512, 'x'))), shape)
              .find("no tensor that could be KV") != std::string::npos);
    const auto typo = parse_payload("zeroes", Dtype::bf16, {&shape, 1});
    CHECK(typo.error().hint.find("did you mean zeros?") != std::string::npos);
  }
}
