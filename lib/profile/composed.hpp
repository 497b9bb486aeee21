#pragma once
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "profile/arrivals.hpp"
#include "profile/component.hpp"
#include "profile/generator.hpp"

namespace kv {

/// One [[tenant]].
struct TenantSpec {
  std::string name;
  double share = 1;  ///< of the sessions, relative to the others'
};

/// Indices with weights, to draw from.
class Choice {
 public:
  void add(std::uint32_t index, double weight);
  bool empty() const { return entries_.empty(); }
  std::size_t size() const { return entries_.size(); }
  /// The position of the drawn entry, 0 <= position < size().
  std::size_t draw(Random& random) const;
  std::uint32_t operator[](std::size_t position) const { return entries_[position].index; }

 private:
  struct Entry {
    double weights_so_far;
    std::uint32_t index;
  };
  std::vector<Entry> entries_;
};

/// One [[component]] with what every type of it has.
struct Traffic {
  std::string name;
  std::unique_ptr<Component> component;
  double weight = 1;
  std::vector<std::string> tenant_names;
  Choice tenants;  ///< empty: the profile has none
  bool own_texts = true;
  std::optional<Arrivals> arrivals;

  std::uint64_t sets() const { return own_texts && !tenants.empty() ? tenants.size() : 1; }
  std::uint64_t texts() const { return sets() * component->texts_per_set(); }
};

/// When sessions begin, and of which component each is.
struct ArrivalSource {
  Arrivals arrivals;
  Choice components;
};

/// A profile of components as read.
struct ComposedProfile {
  Limits limits;
  std::optional<std::uint64_t> requests;
  std::optional<double> duration_s;
  std::optional<Arrivals> arrivals;
  std::vector<TenantSpec> tenants;
  std::vector<Traffic> traffic;
  std::vector<ArrivalSource> sources;
};

/// Reads a document that has [[component]]s.
Result<std::unique_ptr<Generator>> parse_composed(const TomlValue& root);

/// Makes the requests of `profile`; see Generator::run.
Result<GeneratedCounts> run_composed(const ComposedProfile& profile, const GenerateOptions& options,
                                     const RequestSink& sink);

// Bounds, beside those of component.hpp.
inline constexpr std::size_t kMostComponents = 64, kMostTenants = 1000;
inline constexpr std::size_t kMostSessionsAtOnce = 400'000, kMostRunsAtOnce = 3'000'000;
inline constexpr std::uint64_t kMostBlocksAPrompt = 262'144;
inline constexpr double kMostSeconds = 100.0 * 366 * 86400;

/// Keys of a profile and of each of its tables, for `kvtrace gen --keys`.
const std::vector<TomlKey<ComposedProfile>>& profile_keys();
const std::vector<TomlKey<TenantSpec>>& tenant_keys();
const std::vector<TomlKey<Traffic>>& component_keys();

}  // namespace kv
