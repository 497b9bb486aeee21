// The measured engine: prefill of whole prompts, with the share that LibTorch's own matmul and attention do not take,
// and KV on its way into the engine and out of it, against one plain copy of as many bytes in the same run.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <vector>

#include "base/random.hpp"
#include "engine/engine.hpp"
#include "support.hpp"

namespace {

using SteadyClock = std::chrono::steady_clock;

std::unique_ptr<kv::Engine> engine_of(benchmark::State& state, const char* model, std::uint64_t tokens) {
  kv::EngineConfig config;
  const auto found = kv::find_model(model);
  const auto decoder = kv::find_decoder_shape(model);
  if (found && decoder) {
    config.model = *found;
    config.decoder = *decoder;
    config.max_tokens = kv::Tokens(tokens);
    config.threads = 1;  // two of them wait for each other wherever a core is taken away for a moment
    auto engine = kv::Engine::make(config);
    if (engine) return std::move(*engine);
    state.SkipWithError(engine.error().message.c_str());
  } else {
    state.SkipWithError("no such model");
  }
  return nullptr;
}

std::vector<std::uint32_t> prompt(std::uint64_t tokens, std::uint32_t vocab) {
  kv::Random random(tokens);
  std::vector<std::uint32_t> out(tokens);
  for (std::uint32_t& token : out) token = static_cast<std::uint32_t>(random.below(vocab));
  return out;
}

void decoder_prefill(benchmark::State& state, const char* model) {
  const auto tokens = static_cast<std::uint64_t>(state.range(0));
  const auto engine = engine_of(state, model, tokens);
  if (!engine) return;
  const auto ids = prompt(tokens, engine->vocab());
  std::vector<float> logits(engine->vocab());
  double total = 0, kernels = 0;
  for (auto _ : state) {
    const auto done = engine->prefill(ids, kv::Tokens(0), logits);
    if (!done) return state.SkipWithError(done.error().message.c_str());
    total += kv::seconds(done->time);
    kernels += kv::seconds(done->matmul + done->attention);
  }
  state.counters["overhead"] = total / kernels - 1;
  state.SetItemsProcessed(static_cast<std::int64_t>(tokens) * state.iterations());
}

/// In pieces of so many tokens, of all layers or of one each.
struct Pieces {
  std::uint64_t tokens;
  bool layer_by_layer;
  bool in;
};

void decoder_kv(benchmark::State& state, Pieces pieces) {
  constexpr std::uint64_t kTokens = 4096;
  const auto engine = engine_of(state, "small", kTokens);
  if (!engine) return;
  const auto model = kv::find_model("small");
  const std::uint32_t layers = pieces.layer_by_layer ? 1 : model->layers;
  const std::uint64_t row = std::uint64_t{2} * 2 * model->kv_heads * model->head_dim;
  kvmicro::Memory host(kTokens * row * model->layers), other(kTokens * row * model->layers);
  double moved = 0, copied = 0;
  for (auto _ : state) {
    std::size_t at = 0;
    const auto start = SteadyClock::now();
    for (std::uint64_t token = 0; token < kTokens; token += pieces.tokens) {
      for (std::uint32_t layer = 0; layer < model->layers; layer += layers) {
        const kv::KvPlace place{layer, layers, kv::Tokens(token), kv::Tokens(pieces.tokens)};
        const std::size_t bytes = row * layers * pieces.tokens;
        const auto part = host.bytes().subspan(at, bytes);
        const auto done = pieces.in ? engine->write_kv(place, part) : engine->read_kv(place, part);
        if (!done) return state.SkipWithError(done.error().message.c_str());
        at += bytes;
      }
    }
    const auto end = SteadyClock::now();
    std::memcpy(other.bytes().data(), host.bytes().data(), host.bytes().size());
    copied += kv::seconds(SteadyClock::now() - end);
    moved += kv::seconds(end - start);
    state.SetIterationTime(kv::seconds(end - start));
  }
  state.counters["of_memory_copy"] = moved / copied;
  state.SetBytesProcessed(static_cast<std::int64_t>(host.bytes().size()) * state.iterations());
}

}  // namespace

BENCHMARK_CAPTURE(decoder_prefill, tiny, "tiny")->Arg(512)->Arg(2048)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decoder_prefill, small, "small")->Arg(512)->Arg(1024)->UseRealTime()->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(decoder_kv, inject / whole, Pieces{4096, false, true})->UseManualTime();
BENCHMARK_CAPTURE(decoder_kv, inject / blocks_of_512, Pieces{512, false, true})->UseManualTime();
BENCHMARK_CAPTURE(decoder_kv, inject / blocks_of_16, Pieces{16, false, true})->UseManualTime();
BENCHMARK_CAPTURE(decoder_kv, inject / blocks_of_16_by_layer, Pieces{16, true, true})->UseManualTime();
BENCHMARK_CAPTURE(decoder_kv, export / whole, Pieces{4096, false, false})->UseManualTime();
BENCHMARK_CAPTURE(decoder_kv, export / blocks_of_16, Pieces{16, false, false})->UseManualTime();
