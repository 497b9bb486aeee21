#pragma once
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "report/document.hpp"
#include "report/fields.hpp"

namespace kv {

/// What the rows of the field table are written with; for the files that hold them.

using Get = std::function<Json(const Figures&)>;

inline Json text_or_null(const std::string& text) { return text.empty() ? Json(nullptr) : Json(text); }

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
inline Json or_null(const std::optional<Bytes>& value) { return value ? Json(value->count()) : Json(nullptr); }

inline Json quotient(double part, double whole) { return whole > 0 ? finite(part / whole) : Json(nullptr); }

/// Nanoseconds and rates carry one digit behind the point; more would be noise in every diff.
inline Json rounded(double value) { return finite(std::round(value * 10) / 10); }

inline Json rate(double amount, double seconds) { return seconds > 0 ? rounded(amount / seconds) : Json(nullptr); }

/// Null for a row that was not measured; else what `get` says.
inline Get measured(Get get) {
  return [get = std::move(get)](const Figures& f) { return f.measured ? get(f) : Json(nullptr); };
}

inline Get count_of(std::uint64_t Counts::*member) {
  return measured([member](const Figures& f) { return Json(f.counts.*member); });
}

inline Get share_of(std::uint64_t Counts::*part, std::uint64_t Counts::*whole) {
  return measured([part, whole](const Figures& f) {
    return quotient(static_cast<double>(f.counts.*part), static_cast<double>(f.counts.*whole));
  });
}

/// Of all workers together, which all spend `time` at once. Null where nothing was moved: there is no rate then, not
/// even 0.
inline Get rate_of(std::uint64_t Counts::*amount, double Repetition::*time) {
  return measured([amount, time](const Figures& f) {
    const double moved = static_cast<double>(f.merged.counts.*amount);
    return moved > 0 ? rate(moved * f.run.workers, f.merged.*time) : Json(nullptr);
  });
}

inline Get optional_count_of(std::optional<std::uint64_t> Counts::*member) {
  return measured([member](const Figures& f) { return or_null(f.counts.*member); });
}

/// Collects rows; each of these shapes is one kind of figure.
class Rows {
 public:
  void add(Field field) { fields_.push_back(std::move(field)); }

  void identity(std::string path, std::string heading, std::string meaning, Get get) {
    add({std::move(path), Unit::text, Role::identity, Better::neither, true, false, std::move(heading),
         std::move(meaning), std::move(get)});
  }
  void context(std::string path, Unit unit, std::string meaning, Get get) {
    add({std::move(path), unit, Role::context, Better::neither, false, false, "", std::move(meaning), std::move(get)});
  }
  /// Exact and the same on any machine.
  void exact(std::string path, Unit unit, Better better, std::string meaning, Get get, std::string heading = "") {
    add({std::move(path), unit, Role::metric, better, true, true, std::move(heading), std::move(meaning),
         std::move(get)});
  }
  /// Depends on the machine.
  void local(std::string path, Unit unit, Better better, std::string meaning, Get get, std::string heading = "",
             bool per_repetition = false) {
    add({std::move(path), unit, Role::metric, better, false, per_repetition, std::move(heading), std::move(meaning),
         std::move(get)});
  }

  std::vector<Field> take() { return std::move(fields_); }

 private:
  std::vector<Field> fields_;
};

/// Time to first token, speedup, phases, store lag and throughput.
void add_times(Rows& rows);
/// The fetch policy, its regret, and where this row breaks even.
void add_fetch(Rows& rows);
/// The engine that computed, and what --check-logits found.
void add_engine(Rows& rows);

}  // namespace kv
