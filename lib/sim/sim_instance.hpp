#pragma once
#include <cstdint>
#include <deque>
#include <limits>
#include <vector>

#include "prefill/prefill.hpp"
#include "sim/decode_cost.hpp"
#include "sim/in_flight.hpp"

namespace kv {

/// What a simulated engine may do in one step, and what that takes. What is pointed to outlives it.
struct InstanceLimits {
  const Prefill* prefill = nullptr;
  const DecodeCost* decode = nullptr;
  std::uint64_t token_budget = 0;  ///< of a step: a token for each decoding sequence, the rest for prompts
  std::uint64_t slots = 0;         ///< sequences in prefill or decode at once; at most token_budget
  std::uint64_t kv_tokens = 0;     ///< that they may hold together, output included
};

/// One engine in virtual time, by continuous batching with chunked prefill (Yu et al. 2022, Orca; Agrawal et al. 2024,
/// Sarathi-Serve): at every step's end it admits waiting requests in order, as long as there is a slot and room for all
/// of their KV; a step then decodes a token for each decoding sequence and spends what is left of the budget on
/// prompts, the oldest first. Steps without prompts are not simulated one by one: until a sequence ends, or somebody
/// who can be admitted comes, their times are a polynomial of their number. Not thread-safe.
class SimInstance {
 public:
  static constexpr double kNever = std::numeric_limits<double>::infinity();

  explicit SimInstance(const InstanceLimits& limits) : limits_(limits) {}

  /// A request, all of whose prefix is here, begins to wait. `now` is not before any event so far, nor behind next_s().
  void ready(InFlightPool& pool, std::uint32_t slot, double now_s);
  /// When the step or run of steps under way ends; kNever: idle.
  double next_s() const { return next_s_; }
  /// Carries that end out. Appends the requests that ended, with their times. Who becomes ready between this and
  /// begin() takes part in the next step.
  void end(InFlightPool& pool, std::vector<std::uint32_t>& ended);
  /// Begins the next step, once after each end().
  void begin(InFlightPool& pool);

  double busy_s() const { return busy_s_; }  ///< in steps, and standing still for stores
  std::uint64_t steps() const { return steps_; }
  std::uint64_t decoded_tokens() const { return decoded_; }  ///< first tokens are not

 private:
  struct Decoding {
    std::uint64_t last_step;  // it ends when so many steps were done
    std::uint32_t slot;
    bool operator>(const Decoding& other) const {
      return last_step != other.last_step ? last_step > other.last_step : slot > other.slot;
    }
  };
  bool admissible(const InFlight& request) const;
  void plan_pass(InFlightPool& pool);
  double run_s(std::uint64_t steps) const;
  std::uint64_t steps_until(double passed_s) const;
  void end_decoding(InFlightPool& pool, double now_s, std::vector<std::uint32_t>& ended);
  void end_pieces(InFlightPool& pool, double now_s, std::vector<std::uint32_t>& ended);
  void leave(InFlightPool& pool, std::uint32_t slot, double now_s, std::vector<std::uint32_t>& ended);

  InstanceLimits limits_;
  std::deque<std::uint32_t> waiting_, prefilling_;
  std::vector<Decoding> decoding_;  // a heap, whoever ends first on top
  double context_ = 0;              // tokens whose KV the next step reads for decoding
  std::uint64_t kv_used_ = 0, steps_ = 0, decoded_ = 0;
  // Under way: `pieces_` prompts' pieces in one step, or if there are none `planned_` steps of decoding.
  double start_s_ = 0, next_s_ = kNever, free_s_ = 0, busy_s_ = 0;
  std::uint64_t planned_ = 0, pieces_ = 0;
};

}  // namespace kv
