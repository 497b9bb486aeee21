#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "codec/codec.hpp"
#include "engine/engine.hpp"
#include "replay/replay.hpp"
#include "replay/result.hpp"

namespace kv {

/// The measured engine's part in serving a request: its KV is what is stored, fetched KV goes back into it, and what is
/// left is computed, with and without the cache. Keeps what every value was when it was stored, to hold what comes back
/// to it. One worker's; not thread-safe.
///
/// A request: begin -> upload of what was fetched -> compute -> download of what is stored, stored() -> recompute.
class EngineSide {
 public:
  /// One value of the request's.
  struct Value {
    std::size_t block = 0, part = 0;
    PayloadShape shape;
  };

  EngineSide(const ReplayPlan& plan, Codec& codec);

  /// Off the clock: the KV that the engine's own cache holds, the leading `engine_blocks`.
  Result<void> begin(const Request& request, std::size_t engine_blocks);
  Result<Duration> upload(const Value& value, std::span<const std::byte> payload);
  Result<Duration> download(const Value& value, std::span<std::byte> payload);
  /// Prefill behind the leading `blocks`, of which the engine has the KV; one token at least.
  Result<Duration> compute(std::size_t blocks);
  /// The same without the backend. Ends the request; where its logits were to be checked, that happens here.
  Result<Duration> recompute();

  /// Remembers the value as it will come back, through the codec. Off the clock.
  void stored(const Value& value, std::span<const std::byte> payload);
  /// Whether `payload` is what stored() said would come back.
  bool is_as_stored(const Value& value, std::span<const std::byte> payload) const;

  const std::optional<LogitFindings>& findings() const { return findings_; }

 private:
  struct Kept {
    std::uint64_t xxh3 = 0;           // of what comes back
    std::vector<std::byte> original;  // of which no codec and no backend saw a byte; empty: no memory for it
  };
  using Key = std::uint64_t;

  Key key_of(const Value& value) const;
  KvPlace place(const Value& value) const;
  Tokens before(std::size_t block) const;
  Result<Duration> prefill_behind(Tokens cached, std::vector<float>& logits);
  Result<void> spoil_behind(std::size_t have);
  bool is_due() const;
  bool has_originals();
  void find_misplaced();
  Result<void> continue_unstored();
  void judge(const std::vector<float>& recomputed);

  const ReplayPlan& plan_;
  Engine& engine_;
  Codec& codec_;
  bool lossless_;
  std::size_t room_;  // bytes left for originals
  std::unordered_map<Key, Kept> kept_;
  std::optional<LogitFindings> findings_;
  std::uint64_t next_check_ = 0, served_ = 0;

  // of the request
  Request request_;
  std::size_t engine_blocks_ = 0, cached_blocks_ = 0;
  std::vector<std::uint32_t> tokens_;
  std::vector<Value> hit_;                               // what must have been restored
  std::vector<float> restored_, unstored_, recomputed_;  // logits
  bool checking_ = false;
  std::vector<std::byte> scratch_;
};

}  // namespace kv
