#pragma once
#include <atomic>
#include <functional>
#include <memory>

#include "engine/engine.hpp"
#include "prefill/prefill.hpp"

namespace kv {

/// Predicts what the engine will take, from a few prefills of up to `longest` tokens that are timed now: the modelled
/// engine's form fitted to them, or, where they contradict each other, time in proportion to fresh tokens. For
/// decisions that must be made before anything is computed; `measured`, because that is what it rests on. `progress`
/// hears how many of all prefills are done; fails (interrupted) once `stop` is set.
Result<std::unique_ptr<Prefill>> predict_prefill(
    Engine& engine, const Model& model, Tokens longest, const std::atomic<bool>& stop,
    const std::function<void(std::size_t done, std::size_t all)>& progress = {});

}  // namespace kv
