#pragma once
#include <optional>

#include "base/options.hpp"
#include "import/notes.hpp"

namespace kv {

/// Arrivals for sources that have none: `rate` (units, requests or conversations, a second, evenly) and, within a
/// conversation, `turn-gap` between requests. Without a rate all arrive at 0.
class Arrivals {
 public:
  static OptionRow rate_option(const std::string& what);
  static OptionRow gap_option();
  static Result<Arrivals> make(const OptionValues& options);

  bool known() const { return per_second_.has_value(); }
  Duration at(std::uint64_t unit, std::uint64_t turn = 0) const;
  std::optional<Duration> delay(std::uint64_t turn) const;
  /// Says what was taken for granted.
  void note(ImportNotes& notes, const std::string& what) const;

 private:
  std::optional<double> per_second_;
  Duration gap_{};
};

}  // namespace kv
