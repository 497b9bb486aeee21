// Stands in for libFuzzer where there is none: feeds every file of a corpus, prefixes of it and seeded mutations.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

#include "base/random.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kPrefixes = 512;   // of one file: all of a small one, evenly spread over a large one
constexpr std::size_t kMutations = 200;  // of one file

std::size_t runs = 0;

void feed(const std::uint8_t* data, std::size_t size) {
  // A copy of exactly this size, so that AddressSanitizer sees a read past its end.
  const Bytes exact(data, data + size);
  LLVMFuzzerTestOneInput(exact.data(), exact.size());
  ++runs;
}

Bytes mutated(Bytes bytes, kv::Random& random) {
  const auto at = [&] { return static_cast<std::size_t>(random.below(bytes.size())); };
  for (std::uint64_t edits = 1 + random.below(4); edits > 0 && !bytes.empty(); --edits) {
    switch (random.below(4)) {
      case 0:
        bytes[at()] ^= static_cast<std::uint8_t>(1U << random.below(8));
        break;
      case 1:
        bytes[at()] = static_cast<std::uint8_t>(random.next());
        break;
      case 2:
        bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(at()));
        break;
      default: {
        // Repeats a piece: numbers grow digits, lists grow elements.
        const std::size_t from = at(), count = std::min<std::size_t>(1 + random.below(16), bytes.size() - from);
        const Bytes piece(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                          bytes.begin() + static_cast<std::ptrdiff_t>(from + count));
        bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(from), piece.begin(), piece.end());
      }
    }
  }
  return bytes;
}

void feed_around(const Bytes& bytes, kv::Random& random) {
  feed(bytes.data(), bytes.size());
  const std::size_t step = bytes.size() / kPrefixes + 1;
  for (std::size_t size = 0; size < bytes.size(); size += step) feed(bytes.data(), size);
  for (std::size_t i = 0; i < kMutations; ++i) {
    const Bytes other = mutated(bytes, random);
    feed(other.data(), other.size());
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    if (!std::filesystem::is_directory(argv[i])) {
      files.emplace_back(argv[i]);
      continue;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fputs("no corpus: put a small valid input into tests/fuzz/corpus/NAME\n", stderr);
    return 1;
  }
  kv::Random random(1);
  for (const auto& path : files) {
    std::ifstream in(path, std::ios::binary);
    const Bytes bytes{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    std::printf("%s: %zu bytes\n", path.c_str(), bytes.size());
    std::fflush(stdout);  // names the file that the program died of
    feed_around(bytes, random);
  }
  std::printf("%zu inputs\n", runs);
  return 0;
}
