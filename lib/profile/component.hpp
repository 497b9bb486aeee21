#pragma once
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/random.hpp"
#include "profile/distribution.hpp"
#include "profile/prompt.hpp"

namespace kv {

/// One conversation, job or single request under way.
struct Session {
  Random random{0};
  std::uint64_t number = 0;     ///< of all sessions, from 1
  std::uint32_t component = 0;  ///< of the profile
  std::uint32_t set = 0;        ///< whose shared texts it uses, see Component
  std::uint32_t tenant = 0;
  std::uint32_t left = 0;         ///< requests still to come
  std::uint64_t pending = 0;      ///< tokens that the next request adds
  std::optional<Duration> delay;  ///< of the next request, see Origin
  Prompt prompt;                  ///< what was sent so far
};

/// What all components of a profile are held to.
struct Limits {
  std::uint64_t block_size = 512;
  std::uint64_t max_input_tokens = 131072;
  double output_tokens_per_s = 50;
};

/// What a run of one component changes, and what it must know.
struct ComponentRun {
  const Limits& limits;
  IdCounter& ids;  ///< of the whole workload
  std::uint64_t seed = 0;
  std::vector<BlockId> named;  ///< a shared text and place: its first id, or Prompt::kUnnamed
  Prompt scratch = {};

  std::uint64_t most_input() const { return limits.max_input_tokens; }
  /// Appends shared text `number` to `prompt`, at a place that all prompts with it have in common; leaves room for at
  /// least one token more.
  void add_text(Prompt& prompt, std::uint64_t number, std::uint64_t tokens);
  void send(const Prompt& prompt, struct Step& step);
};

/// A request that a session sends, and what follows.
struct Step {
  std::uint64_t input = 0, output = 0;
  std::vector<BlockId> ids;
  /// Until the session's next request, from this one's arrival; nullopt: it is over.
  std::optional<double> next_s = std::nullopt;
  /// What of it passes after the answer ended; nullopt: the next request does not wait for this one.
  std::optional<double> delay_s = std::nullopt;
};

/// One `[[component]]` of a profile: a kind of traffic. Immutable once read.
///
/// Shared texts (system prompts, documents, task prompts) belong to a set: one a tenant, or one for all. Text t of set
/// s is number s * texts_per_set() + t in ComponentRun::named; its length follows from the seed and that number.
class Component {
 public:
  virtual ~Component() = default;
  virtual std::uint64_t texts_per_set() const = 0;
  /// Whether its requests follow each other (session_id), belong together (group_id) or neither.
  enum class Bond { none, session, group };
  virtual Bond bond() const = 0;

  virtual void begin(Session& session, ComponentRun& run) const = 0;
  virtual void send(Session& session, ComponentRun& run, Step& step) const = 0;
};

/// Number of tokens of shared text `number`: the same wherever it occurs in one run.
std::uint64_t shared_length(const Distribution& length, const ComponentRun& run, std::uint64_t number);

/// One row a type of component. `make` reads the keys that are its own and lets pass those that every component has.
struct ComponentRow {
  std::string_view name, summary;
  Result<std::unique_ptr<Component>> (*make)(const TomlValue& value, std::span<const std::string> common);
  /// {key, preset, summary} for the reader.
  struct KeyHelp {
    std::string name, preset, summary;
  };
  std::vector<KeyHelp> (*keys)();
};
std::span<const ComponentRow> component_types();

/// What the rows' files share.
template <class Spec>
TomlKey<Spec> distribution_key(std::string name, Distribution Spec::*into, std::string preset, std::string summary,
                               Range range) {
  return {std::move(name), std::move(preset), std::move(summary),
          [=](const TomlValue& value, Spec& out) -> Result<void> {
            auto read = read_distribution(value, range);
            if (!read) return error(read);
            out.*into = std::move(*read);
            return {};
          }};
}
template <class Spec>
std::vector<ComponentRow::KeyHelp> help_of(const std::vector<TomlKey<Spec>>& keys) {
  std::vector<ComponentRow::KeyHelp> out;
  out.reserve(keys.size());
  for (const auto& key : keys) out.push_back({key.name, key.preset, key.summary});
  return out;
}

// Bounds of what a profile may ask for; together they keep every run within some 150 MB.
inline constexpr std::uint64_t kMostTexts = 2'000'000;  ///< shared texts of a profile, sets and places counted
inline constexpr Range kTurnRange{1, 10'000};
inline constexpr Range kTokenRange{1, 16'777'216}, kSharedTokenRange{0, 16'777'216}, kSecondsRange{0, 30 * 86400.0};

}  // namespace kv
