#include "model/dtype.hpp"

#include <doctest/doctest.h>

#include <set>

TEST_SUITE("dtype") {
  using namespace kv;

  TEST_CASE("sizes and stored numbers are those of the formats") {
    CHECK(dtype_bytes(Dtype::fp32) == 4);
    CHECK(dtype_bytes(Dtype::bf16) == 2);
    CHECK(dtype_bytes(Dtype::fp16) == 2);
    CHECK(dtype_bytes(Dtype::fp8_e4m3) == 1);
    CHECK(dtype_bytes(Dtype::int8) == 1);
    // Written into values that outlive the program.
    CHECK(static_cast<int>(Dtype::fp32) == 1);
    CHECK(static_cast<int>(Dtype::int8) == 5);
  }

  TEST_CASE("every dtype is listed once and its name leads back to it") {
    std::set<std::string_view> names;
    for (const Dtype dtype : all_dtypes()) {
      CHECK(dtype_from_name(dtype_name(dtype)) == dtype);
      names.insert(dtype_name(dtype));
    }
    CHECK(names.size() == 5);
    CHECK_FALSE(dtype_from_name("BF16").has_value());
    CHECK_FALSE(dtype_from_name("").has_value());
  }

  TEST_CASE("a number out of a damaged header has a name and a size") {
    CHECK(dtype_name(Dtype{77}) == "unknown");
    CHECK(dtype_bytes(Dtype{77}) == 1);
  }
}
