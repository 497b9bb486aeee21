#include "model/safetensors.hpp"

#include <doctest/doctest.h>

#include <sstream>

#include "support/safetensors_file.hpp"

using namespace kv;

namespace {

using test::safetensors_file;

const std::string kGood =
    R"({"__metadata__":{"format":"pt"},"v":{"dtype":"F32","shape":[3],"data_offsets":[12,24]},)"
    R"("k":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},"empty":{"dtype":"F16","shape":[0,9],"data_offsets":[12,12]},)"
    R"("scalar":{"dtype":"I64","shape":[],"data_offsets":[24,32]}}   )";

Result<std::vector<SafeTensor>> parse(const std::string& file) { return parse_safetensors(file, file.size(), "f"); }

/// The message for one tensor "t" of these fields beside `data_bytes` of data; empty: it was accepted.
std::string trouble(const std::string& fields, std::size_t data_bytes = 4) {
  const auto got = parse(safetensors_file("{\"t\":{" + fields + "}}", std::string(data_bytes, 'x')));
  return got ? "" : got.error().message;
}

/// The same for a whole header.
std::string header_trouble(const std::string& header, std::size_t data_bytes = 0) {
  const auto got = parse(safetensors_file(header, std::string(data_bytes, 'x')));
  return got ? "" : got.error().message;
}

}  // namespace

TEST_SUITE("safetensors") {
  TEST_CASE("tensors come in the order of their bytes, counted from the beginning of the file") {
    const std::string file = safetensors_file(kGood, std::string(32, 'x'));
    const auto got = parse(file);
    REQUIRE_MESSAGE(got.has_value(), got.error().message);
    REQUIRE(got->size() == 4);
    const std::uint64_t data = 8 + kGood.size();
    CHECK((*got)[0].name == "k");
    CHECK((*got)[0].dtype == "BF16");
    CHECK((*got)[0].shape == std::vector<std::uint64_t>{2, 3});
    CHECK((*got)[0].begin == data);
    CHECK((*got)[0].end == data + 12);
    CHECK((*got)[0].elements() == 6);
    CHECK((*got)[1].name == "empty");
    CHECK((*got)[1].elements() == 0);
    CHECK((*got)[2].name == "v");
    CHECK((*got)[3].name == "scalar");
    CHECK((*got)[3].elements() == 1);
    CHECK((*got)[3].end == file.size());
    std::istringstream stream(file);
    CHECK(read_safetensors(stream, file.size(), "f")->size() == 4);
    CHECK(parse(safetensors_file("{}", ""))->empty());
  }

  TEST_CASE("which types KV can have, and which only number something") {
    const auto of = [](const char* dtype) { return SafeTensor{"t", dtype, {}, 0, 0}; };
    CHECK(kv_dtype_of(of("F32")) == Dtype::fp32);
    CHECK(kv_dtype_of(of("BF16")) == Dtype::bf16);
    CHECK(kv_dtype_of(of("F16")) == Dtype::fp16);
    CHECK(kv_dtype_of(of("F8_E4M3")) == Dtype::fp8_e4m3);
    CHECK(kv_dtype_of(of("I8")) == Dtype::int8);
    for (const char* other : {"F64", "F8_E5M2", "C64"}) CHECK((!kv_dtype_of(of(other)) && !is_index(of(other))));
    for (const char* index : {"I64", "I32", "I16", "U8", "U16", "U32", "U64", "BOOL"}) CHECK(is_index(of(index)));
    for (const char* kv : {"I8", "F32", "BF16", "F16", "F8_E4M3"}) CHECK_FALSE(is_index(of(kv)));
  }

  TEST_CASE("a file that is cut off anywhere is an error that names it") {
    const std::string file = safetensors_file(kGood, std::string(32, 'x'));
    for (std::size_t size = 0; size < file.size(); ++size) {
      const std::string cut = file.substr(0, size);
      const auto got = parse(cut);
      REQUIRE_FALSE(got.has_value());
      CHECK(got.error().code == Code::bad_input);
      CHECK(got.error().message.rfind("f: ", 0) == 0);
      std::istringstream stream(cut);
      REQUIRE_FALSE(read_safetensors(stream, cut.size(), "f").has_value());
      std::istringstream shrunk(cut);  // it had its whole size when that was asked for
      if (size < 8 + kGood.size()) REQUIRE_FALSE(read_safetensors(shrunk, file.size(), "f").has_value());
    }
  }

  TEST_CASE("a header's length is bounded by the file and by the format, and nothing is allocated for it") {
    for (const std::uint64_t length : {1ULL << 20, 100'000'001ULL, 1ULL << 40, ~0ULL, ~0ULL - 7}) {
      std::string file(8, '\0');
      for (std::size_t i = 0; i < 8; ++i) file[i] = static_cast<char>(length >> (8 * i) & 0xff);
      file += "{}";
      CHECK_FALSE(parse(file).has_value());
      std::istringstream stream(file);
      CHECK_FALSE(read_safetensors(stream, file.size(), "f").has_value());
    }
  }

  TEST_CASE("sizes must be what shape and dtype make") {
    CHECK(trouble(R"("dtype":"F32","shape":[1],"data_offsets":[0,4])").empty());
    CHECK(trouble(R"("data_offsets":[0,4],"shape":[2,1,4],"dtype":"F4")").empty());  // 8 x 4 bits
    CHECK(trouble(R"("dtype":"F32","shape":[2],"data_offsets":[0,4])") ==
          "f: tensor 't': its shape of F32 takes 8 bytes, its data_offsets give it 4");
    CHECK(trouble(R"("dtype":"F4","shape":[7],"data_offsets":[0,4])").find("no possible number") != std::string::npos);
    // 2^63 x 2 elements; 2^62 elements of 4 bytes: both wrap to 0 in 64 bits, and 2^60 x 32 bits to 0 in bits.
    for (const char* shape : {"[9223372036854775808,2]", "[4611686018427387904]", "[1152921504606846976,1]",
                              "[18446744073709551615,18446744073709551615]"}) {
      const std::string fields = R"("dtype":"F32","shape":)" + std::string(shape) + R"(,"data_offsets":[0,0])";
      CHECK(trouble(fields, 0).find("no possible number") != std::string::npos);
    }
    CHECK(trouble(R"("dtype":"F32","shape":[0,18446744073709551615],"data_offsets":[0,0])", 0).empty());
  }

  TEST_CASE("offsets must lie in the file, in order") {
    const auto with = [](const std::string& offsets) {
      return trouble(R"("dtype":"U8","shape":[4],"data_offsets":)" + offsets);
    };
    CHECK(with("[0,4]").empty());
    for (const char* wrong :
         {"[4,0]", "[1,5]", "[0,18446744073709551615]", "[18446744073709551612,18446744073709551616]", "[0]", "[]",
          "[0,4,4]", "[-4,0]", "[0,4.0]", "[0,\"4\"]", "[[0,4]]", "4", "null", "{}"}) {
      CAPTURE(wrong);
      CHECK_FALSE(with(wrong).empty());
    }
  }

  TEST_CASE("tensors neither overlap nor leave bytes that belong to none, and no two have one name") {
    const auto two = [](const char* a, const char* offsets_a, const char* b, const char* offsets_b) {
      const auto entry = [](const char* name, const char* offsets) {
        return "\"" + std::string(name) + R"(":{"dtype":"U8","shape":[2],"data_offsets":)" + offsets + "}";
      };
      return header_trouble("{" + entry(a, offsets_a) + "," + entry(b, offsets_b) + "}", 4);
    };
    CHECK(two("a", "[0,2]", "b", "[2,4]").empty());
    CHECK(two("a", "[2,4]", "b", "[0,2]").empty());
    CHECK(two("a", "[0,2]", "b", "[1,3]") == "f: tensor 'b' overlaps another");
    CHECK(two("a", "[0,2]", "b", "[0,2]").find("overlaps") != std::string::npos);
    CHECK(two("a", "[1,3]", "b", "[2,4]").find("belong to none") != std::string::npos);
    CHECK(header_trouble(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}})", 4) ==
          "f: 2 bytes behind the last tensor belong to none");
    CHECK(two("a", "[0,2]", "a", "[2,4]") == "f: two tensors are called 'a'");
  }

  TEST_CASE("what is no header of tensors is refused, with the place") {
    for (const char* wrong :
         {"", "[]", "7", "null", "\"t\"", "{", "{\"t\":7}", "{\"t\":[]}", "{\"t\":null}", "{}{}", "{\"t\":{}}",
          R"({"__metadata__":{"a":1}})", R"({"__metadata__":{"a":{}}})", R"({"__metadata__":[]})", "{\"\xff\":{}}"}) {
      CAPTURE(wrong);
      CHECK_FALSE(header_trouble(wrong).empty());
    }
    CHECK(header_trouble(R"({"__metadata__":{}})").empty());
    CHECK(trouble(R"("dtype":"F31","shape":[1],"data_offsets":[0,4])") == "f: tensor 't': unknown dtype 'F31'");
    CHECK(trouble(R"("dtype":"F32","shape":[1])").find("missing") != std::string::npos);
    CHECK(trouble(R"("dtype":"F32","dtype":"F32","shape":[1],"data_offsets":[0,4])").find("twice") !=
          std::string::npos);
    CHECK(trouble(R"("dtype":"F32","extra":1,"shape":[1],"data_offsets":[0,4])").find("unknown field") !=
          std::string::npos);
    CHECK_FALSE(trouble(R"("dtype":32,"shape":[1],"data_offsets":[0,4])").empty());
    CHECK_FALSE(trouble(R"("dtype":"F32","shape":["1"],"data_offsets":[0,4])").empty());
    CHECK_FALSE(trouble(R"("dtype":"F32","shape":[true],"data_offsets":[0,4])").empty());
    std::string deep = "{\"t\":" + std::string(100000, '[');
    CHECK_FALSE(header_trouble(deep).empty());
    std::string dimensions = "1";
    for (int i = 0; i < 64; ++i) dimensions += ",1";
    CHECK(trouble(R"("dtype":"F32","data_offsets":[0,4],"shape":[)" + dimensions + "]").find("dimensions") !=
          std::string::npos);
  }

  TEST_CASE("a file is told by its first bytes") {
    CHECK(looks_like_safetensors(safetensors_file(kGood, "")));
    CHECK(looks_like_safetensors(safetensors_file("{}", "")));
    CHECK_FALSE(looks_like_safetensors(""));
    CHECK_FALSE(looks_like_safetensors(std::string(8, '\0')));
    CHECK_FALSE(looks_like_safetensors(std::string(16, '\0')));
    CHECK_FALSE(looks_like_safetensors(std::string(16, '{')));
  }
}
