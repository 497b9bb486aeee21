#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/random.hpp"
#include "base/units.hpp"
#include "sim/instance_directory.hpp"
#include "sim/min_tree.hpp"

namespace kv {

/// Who decides which instance serves a request.
enum class Routing { random, round_robin, least_loaded, sticky_session, prefix_aware };

struct RoutingRow {
  Routing routing;
  std::string_view name, summary;
};
/// In the order in which they are listed. Static data.
std::span<const RoutingRow> routings();
std::string_view routing_name(Routing routing);
std::optional<Routing> routing_from_name(std::string_view name);

/// What a router looks at. Load is tokens computed and generated, of which half are forgotten in every `load_window`.
struct RouterOptions {
  std::uint32_t instances = 1;
  Routing routing = Routing::prefix_aware;
  std::uint64_t seed = 1;  ///< of random, and of which session sticks where
  Duration load_window = std::chrono::seconds(10);
  /// prefix_aware: an instance whose load is above load_limit x mean + load_slack takes nothing (Mirrokni et al. 2018,
  /// consistent hashing with bounded loads). The slack, some seconds of an engine's work, keeps an idle fleet's
  /// prefixes together.
  double load_limit = 1.25;  ///< at least 1
  Tokens load_slack{32'768};
};

/// Chooses instances for one request after the other. Deterministic; of equal instances the first. Not thread-safe.
class Router {
 public:
  explicit Router(const RouterOptions& options);

  /// `at` must not fall. prefix_aware: of the instances that are not too loaded, one with the longest leading run of
  /// the prompt in its caches, of these the least loaded. sticky_session: by hash of the session; at random without
  /// one.
  std::uint32_t route(Duration at, std::optional<std::uint32_t> session, std::span<const BlockId> blocks);
  /// What the request last routed turned out to cost the instance.
  void add_load(std::uint32_t instance, Tokens work);

  bool wants_contents() const { return options_.routing == Routing::prefix_aware; }
  InstanceDirectory& directory() { return directory_; }
  /// Requests that sticky_session had to route at random.
  std::uint64_t without_session() const { return without_session_; }

 private:
  std::uint32_t any() { return static_cast<std::uint32_t>(random_.below(options_.instances)); }
  std::uint32_t least_loaded() const { return static_cast<std::uint32_t>(load_.first()); }
  std::uint32_t by_prefix(std::span<const BlockId> blocks);
  void pass_time(Duration at);

  RouterOptions options_;
  Random random_;
  MinTree<double> load_;  // each times `scale_`: instead of all loads sinking, what is added grows
  double total_ = 0, scale_ = 1;
  Duration scaled_at_{0};  // when scale_ was 1
  bool began_ = false;
  InstanceDirectory directory_;
  std::uint32_t turn_ = 0;
  std::uint64_t without_session_ = 0;
};

}  // namespace kv
