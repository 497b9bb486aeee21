#pragma once
#include <deque>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/random.hpp"
#include "workload/workload.hpp"

namespace kv {

/// What a user takes for granted of traces that tell only lengths: an assumption, and called so in every output.
struct SharingProfile {
  Tokens system;              ///< a system prompt of this length begins every request
  std::uint64_t prompts = 1;  ///< so many of them, all used alike
  double hit = 0;             ///< share of requests that go on with an earlier conversation
};
/// "system=512,hit=0.4,prompts=3". Fails (bad_input) on unknown keys and values out of range.
Result<SharingProfile> parse_sharing(const std::string& text);
std::string to_string(const SharingProfile& profile);

/// Makes ids for requests of which only lengths are known: all new, or shared as a profile says. Ids count up from 0,
/// so that the same requests, profile and seed give the same ids.
///
/// A request that goes on with an earlier one shares all its full blocks; it must be longer than that prompt and its
/// output together, and of the same group. The 1,024 latest conversations can be gone on with; one of the session is
/// taken first. Which requests do is decided so that their share stays at `hit` wherever lengths allow. Not
/// thread-safe; memory is that of those conversations.
class AssumedBlocks {
 public:
  AssumedBlocks(Tokens block_size, std::optional<SharingProfile> profile, std::uint64_t seed);

  struct Lengths {
    Tokens input, output;
    std::string_view group = {}, session = {};  ///< may be empty
  };
  /// The result lives until the next call.
  std::span<const BlockId> next(const Lengths& request);
  std::uint64_t requests() const { return requests_; }
  std::uint64_t continued() const { return continued_; }

 private:
  struct Run {
    BlockId first;
    std::uint64_t count;
  };
  struct Conversation {
    Tokens input, output;
    std::uint32_t group;
    std::vector<Run> blocks;  // those of the prompt that are full
  };
  std::uint32_t group_of(std::string_view name);
  /// Index in recent_ of one to go on with.
  std::optional<std::size_t> earlier(const Lengths& request, std::uint32_t group);
  bool fits(const Conversation& earlier, const Lengths& request, std::uint32_t group) const;
  void begin_with_system(const Lengths& request, std::uint32_t group, std::vector<Run>& blocks);
  void remember(const Lengths& request, std::uint32_t group, std::vector<Run> blocks);

  Tokens block_size_;
  std::optional<SharingProfile> profile_;
  Random random_;
  BlockId next_id_ = 0;
  std::uint64_t requests_ = 0, continued_ = 0, forgotten_ = 0;
  std::deque<Conversation> recent_;
  std::map<std::string, std::uint32_t, std::less<>> groups_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, BlockId> systems_;  // first id, by group and prompt
  std::unordered_map<std::string, std::uint64_t> sessions_;             // index of the latest, forgotten ones counted
  std::vector<BlockId> ids_;
};

}  // namespace kv
