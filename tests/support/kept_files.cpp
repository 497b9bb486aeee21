#include "support/kept_files.hpp"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "support/schema.hpp"
#include "support/source_dir.hpp"

namespace kv::test {

std::string source_text(const std::string& name) {
  std::ifstream in(source_dir() + "/" + name, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

void check_kept(const std::string& name, const std::string& text) {
  const bool same = source_text(name) == text;
  if (!same && std::getenv("KVKIT_UPDATE") != nullptr) {
    std::ofstream(source_dir() + "/" + name, std::ios::binary) << text;
    return;
  }
  CHECK_MESSAGE(same, name << ": run the tests once with KVKIT_UPDATE=1 and commit the difference");
}

void check_kept_part(const std::string& page, const std::string& mark, const std::string& text) {
  const std::string begin = "<!-- " + mark + ": begin -->\n", end = "<!-- " + mark + ": end -->\n";
  std::string whole = source_text(page);
  const auto from = whole.find(begin), to = whole.find(end);
  REQUIRE(from != std::string::npos);
  REQUIRE(to != std::string::npos);
  whole.replace(from + begin.size(), to - from - begin.size(), "\n" + text + "\n");
  check_kept(page, whole);
}

Json check_sample(const std::string& name, const Json& schema) {
  Json sample = Json::parse(source_text(name));
  for (const std::string& place : violations(sample, schema)) {
    CHECK_MESSAGE(place.find(": missing") != std::string::npos, place);
  }
  return sample;
}

}  // namespace kv::test
