#include "import/sharing.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/options.hpp"

namespace kv {
namespace {

constexpr std::size_t kRecent = 1024;
constexpr int kTries = 16;
constexpr std::uint64_t kSalt = 0x73686172;  // sequences of neighbouring seeds would be shifts of each other
constexpr std::uint64_t kMaxSystem = 1 << 24, kMaxPrompts = 1 << 20;
constexpr std::size_t kMaxGroups = 4096;  // further ones share the last

const std::vector<OptionRow>& profile_options() {
  static const std::vector<OptionRow> kRows = {
      {"system", OptionKind::count, "0", "tokens of the system prompt that begins every request"},
      {"prompts", OptionKind::count, "1", "how many different system prompts there are, all used alike"},
      {"hit", OptionKind::ratio, "0", "share of requests that go on with an earlier conversation"}};
  return kRows;
}

}  // namespace

Result<SharingProfile> parse_sharing(const std::string& text) {
  constexpr const char* kHint = "write it like system=512,hit=0.4";
  std::string query = text;
  std::replace(query.begin(), query.end(), ',', '&');
  std::string escaped;
  for (const char c : query) escaped += c == '%' ? std::string("%25") : std::string(1, c);
  const auto pairs = parse_query(escaped);
  if (!pairs) return error(Code::bad_input, "--sharing is not all key=value", kHint);
  const auto values = OptionValues::check("--sharing", profile_options(), *pairs);
  if (!values) return error(values);
  const SharingProfile profile{Tokens(values->count("system")), values->count("prompts"), values->ratio("hit")};
  if (profile.system.count() > kMaxSystem || profile.prompts < 1 || profile.prompts > kMaxPrompts) {
    return error(Code::bad_input,
                 fmt::format("--sharing: system is at most {} and prompts 1 to {}", kMaxSystem, kMaxPrompts), kHint);
  }
  return profile;
}

std::string to_string(const SharingProfile& profile) {
  return fmt::format("system={},prompts={},hit={:g}", profile.system.count(), profile.prompts, profile.hit);
}

AssumedBlocks::AssumedBlocks(Tokens block_size, std::optional<SharingProfile> profile, std::uint64_t seed)
    : block_size_(block_size), profile_(profile), random_(mix64(seed, kSalt)) {}

std::uint32_t AssumedBlocks::group_of(std::string_view name) {
  const auto known = groups_.find(name);
  if (known != groups_.end()) return known->second;
  if (groups_.size() >= kMaxGroups) return kMaxGroups;
  const auto number = static_cast<std::uint32_t>(groups_.size());
  groups_.emplace(name, number);
  return number;
}

bool AssumedBlocks::fits(const Conversation& earlier, const Lengths& request, std::uint32_t group) const {
  return earlier.group == group && earlier.input + earlier.output < request.input;
}

std::optional<std::size_t> AssumedBlocks::earlier(const Lengths& request, std::uint32_t group) {
  if (!request.session.empty()) {
    const auto latest = sessions_.find(std::string(request.session));
    if (latest != sessions_.end() && latest->second >= forgotten_) {
      const std::size_t index = latest->second - forgotten_;
      if (fits(recent_[index], request, group)) return index;
    }
  }
  const double behind = profile_->hit * static_cast<double>(requests_ + 1) - static_cast<double>(continued_);
  if (random_.uniform() >= behind || recent_.empty()) return std::nullopt;
  for (int i = 0; i < kTries; ++i) {
    const std::size_t index = random_.below(recent_.size());
    if (fits(recent_[index], request, group)) return index;
  }
  return std::nullopt;
}

void AssumedBlocks::begin_with_system(const Lengths& request, std::uint32_t group, std::vector<Run>& blocks) {
  const std::uint64_t whole = profile_->system / block_size_;
  const std::uint64_t shared = std::min(whole, request.input / block_size_);
  if (whole == 0) return;
  const std::uint64_t prompt = random_.below(profile_->prompts);
  const auto [system, is_new] = systems_.try_emplace({group, prompt}, next_id_);
  if (is_new) next_id_ += whole;
  if (shared > 0) blocks.push_back({system->second, shared});
}

void AssumedBlocks::remember(const Lengths& request, std::uint32_t group, std::vector<Run> blocks) {
  if (request.input.count() % block_size_.count() != 0 && --blocks.back().count == 0) blocks.pop_back();
  if (!request.session.empty()) sessions_[std::string(request.session)] = forgotten_ + recent_.size();
  recent_.push_back({request.input, request.output, group, std::move(blocks)});
  if (recent_.size() <= kRecent) return;
  recent_.pop_front();
  ++forgotten_;
  if (sessions_.size() < 2 * kRecent) return;
  for (auto it = sessions_.begin(); it != sessions_.end();) {
    it = it->second < forgotten_ ? sessions_.erase(it) : std::next(it);
  }
}

std::span<const BlockId> AssumedBlocks::next(const Lengths& request) {
  std::vector<Run> blocks;
  std::uint32_t group = 0;
  if (profile_) {
    group = group_of(request.group);
    if (const auto index = earlier(request, group)) {
      blocks = recent_[*index].blocks;
      ++continued_;
    } else {
      begin_with_system(request, group, blocks);
    }
  }
  ++requests_;
  ids_.clear();
  for (const Run& run : blocks) {
    for (std::uint64_t i = 0; i < run.count; ++i) ids_.push_back(run.first + i);
  }
  const std::uint64_t fresh = ceil_div(request.input.count(), block_size_.count()) - ids_.size();
  if (fresh > 0) blocks.push_back({next_id_, fresh});
  for (std::uint64_t i = 0; i < fresh; ++i) ids_.push_back(next_id_++);
  if (profile_) remember(request, group, std::move(blocks));
  return ids_;
}

}  // namespace kv
