// Target: at least 100,000 requests a second on one core, written as JSON lines. What is written goes nowhere.
#include "profile/generator.hpp"
#include "support.hpp"
#include "workload/trace_writer.hpp"

namespace {

using namespace kvmicro;

class Nowhere final : public kv::ByteSink {
 public:
  kv::Result<void> write(std::string_view bytes) override {
    bytes_ += bytes.size();
    return {};
  }
  kv::Result<void> finish() override { return {}; }
  std::uint64_t bytes() const { return bytes_; }

 private:
  std::uint64_t bytes_ = 0;
};

// In the manner of workloads/chat.toml and rag.toml: histories that grow, and documents in many orders.
constexpr const char* kProfile = R"(
requests = 200000
[arrivals]
type = "poisson"
rate_per_s = 5
[[component]]
type = "conversation"
system_prompts = 5
system_tokens = { type = "uniform", min = 600, max = 2500 }
turns = { type = "geometric", mean = 4, max = 60 }
message_tokens = { type = "lognormal", median = 120, sigma = 1.3, max = 30000 }
output_tokens = { type = "lognormal", median = 350, sigma = 0.8, max = 4000 }
think_s = { type = "lognormal", median = 60, sigma = 1.3, max = 3600 }
[[component]]
type = "rag"
documents = 5000
document_tokens = { type = "lognormal", median = 1800, sigma = 0.7, max = 12000 }
per_request = 3
question_tokens = 40
output_tokens = { type = "lognormal", median = 250, sigma = 0.7, max = 2000 }
)";

void generate(benchmark::State& state, bool written) {
  const auto generator = kv::parse_profile(kProfile, "benchmark");
  if (!generator) return state.SkipWithError(generator.error().message.c_str());
  std::uint64_t requests = 0, bytes = 0;
  for (auto _ : state) {
    Nowhere out;
    kv::TraceWriter writer(out);
    const auto counts = (*generator)->run({}, [&](const kv::TraceLine& line) -> kv::Result<bool> {
      if (!written) return true;
      if (const auto put = writer.write(line); !put) return kv::error(put);
      return true;
    });
    if (!counts || !writer.finish()) return state.SkipWithError("generation failed");
    requests += counts->requests;
    bytes += out.bytes();
  }
  state.SetItemsProcessed(static_cast<std::int64_t>(requests));
  if (written) state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

void generate_requests(benchmark::State& state) { generate(state, false); }
BENCHMARK(generate_requests)->Unit(benchmark::kMillisecond);

void generate_lines(benchmark::State& state) { generate(state, true); }
BENCHMARK(generate_lines)->Unit(benchmark::kMillisecond);

}  // namespace
