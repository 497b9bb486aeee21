// A profile of any content: an error that names a place, or a generator whose requests hold together.
#include <cstdlib>

#include "profile/generator.hpp"
#include "workload/parents.hpp"

namespace {

using namespace kv;

void check(bool holds) {
  if (!holds) std::abort();
}

void check_requests(const Generator& generator) {
  const std::uint64_t block_size = generator.block_size().count();
  ParentSample parents(generator.block_size());
  Duration last{};
  std::uint64_t blocks = 0;
  const auto counts = generator.run({3, 20}, [&](const TraceLine& line) -> Result<bool> {
    check(line.at >= last && line.input.count() > 0);
    last = line.at;
    check(line.ids.size() == ceil_div(line.input.count(), block_size));
    check(parents.add(line.ids, line.input).has_value());
    blocks += line.ids.size();
    return blocks < 100'000;
  });
  if (counts) {
    check(counts->requests <= 20 && counts->unique_blocks <= blocks);
  } else {
    check(counts.error().code == Code::bad_input && !counts.error().message.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto generator = parse_profile({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (generator) {
    check_requests(**generator);
  } else {
    check(generator.error().code == Code::bad_input && !generator.error().message.empty());
    check(generator.error().message.size() < 2000);
  }
  return 0;
}
