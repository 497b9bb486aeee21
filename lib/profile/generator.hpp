#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/result.hpp"
#include "base/toml_value.hpp"
#include "base/units.hpp"
#include "workload/read.hpp"

namespace kv {

/// Takes one request of a generated workload; `ids` and the texts of its origin are valid during the call only. False
/// stops the generation early without an error.
using RequestSink = std::function<Result<bool>(const TraceLine&)>;

struct GenerateOptions {
  std::uint64_t seed = 1;
  std::optional<std::uint64_t> requests;  ///< instead of what the profile says
};

/// What a run handed to its sink.
struct GeneratedCounts {
  std::uint64_t requests = 0;
  std::uint64_t sessions = 0;       ///< that began: conversations, jobs, single requests
  std::uint64_t unique_blocks = 0;  ///< ids 0 .. unique_blocks - 1, in order of first appearance
  std::uint64_t most_sessions_at_once = 0;
  Duration span{};  ///< arrival of the last request
};

/// A workload that can be made from a seed. Immutable once parsed: run() may be called from several threads at once.
class Generator {
 public:
  virtual ~Generator() = default;
  virtual Tokens block_size() const = 0;

  /// Hands requests to `sink` in order of arrival, which is whole milliseconds. The same profile, seed and number of
  /// requests give the same lines on every platform and in every build: only Random and IEEE + - * / sqrt are used.
  /// Memory is bounded, whatever the number of requests. What is handed out is accepted by read_workload: an id has one
  /// parent, one position and one size. Errors: those of `sink`; bad_input where the profile asks for more than the
  /// bounds allow, which only running it may show.
  virtual Result<GeneratedCounts> run(const GenerateOptions& options, const RequestSink& sink) const = 0;
};

/// The profile in a TOML text (at most kMaxProfileBytes). Errors (bad_input) name `name`:line and the key; an unknown
/// key suggests the nearest. Which kind of profile it is, its tables say: see profile_kinds().
Result<std::unique_ptr<Generator>> parse_profile(std::string_view text, const std::string& name);
inline constexpr std::size_t kMaxProfileBytes = kMaxTomlBytes;

/// The same for a file, "-" for stdin.
Result<std::unique_ptr<Generator>> load_profile(const std::string& path);

/// One row a kind of profile: the table that only it has, and who reads the whole document.
struct ProfileKind {
  std::string_view table;  ///< "component", "fitted"
  std::string_view summary;
  Result<std::unique_ptr<Generator>> (*parse)(const TomlValue& root);
};
std::span<const ProfileKind> profile_kinds();

}  // namespace kv
