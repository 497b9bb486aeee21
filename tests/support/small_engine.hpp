#pragma once
#include <doctest/doctest.h>

#include <memory>

#include "engine/engine.hpp"
#include "support/naive_decoder.hpp"

namespace kv::test {

/// The config of a decoder of two layers that computes in fp32 on one thread, with random weights.
inline EngineConfig small_engine_config(std::uint32_t vocab, Tokens max_tokens, Dtype kv = Dtype::bf16) {
  const DecoderCase one = decoder_cases().front();
  EngineConfig config;
  config.model = one.model;
  config.decoder = one.shape;
  config.decoder.vocab = vocab;
  config.kv_dtype = kv;
  config.compute = Dtype::fp32;
  config.threads = 1;
  config.max_tokens = max_tokens;
  return config;
}

/// An engine, or none where LibTorch is missing, which is said: nothing else may be in its way.
inline std::unique_ptr<Engine> engine_or_say(const EngineConfig& config) {
  auto made = Engine::make(config);
  if (made) return std::move(*made);
  INFO(made.error().message);
  CHECK(made.error().code == Code::unavailable);
  MESSAGE("left out: " << made.error().message);
  return nullptr;
}

}  // namespace kv::test
