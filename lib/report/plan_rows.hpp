#pragma once
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "report/document.hpp"
#include "report/plan_document.hpp"

namespace kv {

/// What the tables of plan_tables() are written with; for the files that hold them.

/// Counts and bytes are whole; what is no number, or beyond 2^63 of those, is null.
inline Json plan_number(double value, Unit unit) {
  if (!std::isfinite(value)) return nullptr;
  if (unit != Unit::count && unit != Unit::bytes) return value + 0.0;  // no -0.0
  const double whole = std::round(value);
  return whole >= 0 && whole < 0x1p63 ? Json(static_cast<std::uint64_t>(whole)) : Json(nullptr);
}

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

/// Whatever a getter gives, as JSON: empty texts and optionals are null.
template <class T>
Json plan_json(const T& value, Unit unit) {
  if constexpr (IsOptional<T>::value) {
    return value ? plan_json(*value, unit) : Json(nullptr);
  } else if constexpr (std::is_floating_point_v<T>) {
    return plan_number(value, unit);
  } else if constexpr (std::is_convertible_v<T, std::string_view>) {
    const std::string_view text(value);
    return text.empty() ? Json(nullptr) : Json(std::string(text));
  } else if constexpr (std::is_integral_v<T> || std::is_same_v<T, Json> ||
                       std::is_same_v<T, std::vector<std::string>>) {
    return Json(value);
  } else {
    return Json(value.count());  // quantities and nanoseconds
  }
}

/// What getters that need more than their row are given.
struct PlanCell {
  const PlanContext& context;
  std::size_t row;
};

/// Collects the fields of one table. A getter is a member of Row, or a function of a Row, or of a Row and a PlanCell.
template <class Row>
class PlanRows {
 public:
  using RowOf = const Row* (*)(const PlanContext&, std::size_t);

  /// A section; null where `row` gives nullptr.
  PlanRows(std::string path, std::string meaning, RowOf row)
      : table_{std::move(path),
               std::move(meaning),
               false,
               [row](const PlanContext& c) { return std::size_t{row(c, 0) != nullptr}; },
               {}},
        row_(row) {}
  /// A list.
  PlanRows(std::string path, std::string meaning, std::size_t (*size)(const PlanContext&), RowOf row)
      : table_{std::move(path), std::move(meaning), true, size, {}}, row_(row) {}

  template <class Get>
  void add(std::string path, Unit unit, std::string meaning, Get get) {
    put(std::move(path), unit, false, std::move(meaning), get);
  }
  /// What may be below 0.
  template <class Get>
  void add_signed(std::string path, Unit unit, std::string meaning, Get get) {
    put(std::move(path), unit, true, std::move(meaning), get);
  }
  PlanTable take() { return std::move(table_); }

 private:
  template <class Get>
  void put(std::string path, Unit unit, bool may_be_negative, std::string meaning, Get get) {
    const auto json = [row = row_, unit, get](const PlanContext& context, std::size_t i) {
      const Row* found = row(context, i);
      if (found == nullptr) return Json(nullptr);
      if constexpr (std::is_invocable_v<Get, const Row&, const PlanCell&>) {
        return plan_json(std::invoke(get, *found, PlanCell{context, i}), unit);
      } else {
        return plan_json(std::invoke(get, *found), unit);
      }
    };
    table_.fields.push_back({std::move(path), unit, may_be_negative, std::move(meaning), json});
  }

  PlanTable table_;
  RowOf row_;
};

/// The plan that was chosen; nullptr without an estimate.
const Plan* chosen_plan(const PlanContext& context);
/// The first month of a plan that can be had; nullptr of another.
const RoiMonth* first_month(const Plan& plan);
/// The verdict in a sentence that needs no table: what is kept, what it costs, what it saves.
std::string verdict_in_words(const Estimate& estimate);

/// Demand, engine, size and nodes.
void add_size_tables(std::vector<PlanTable>& out);
/// Latency, and where blocks are kept.
void add_latency_tables(std::vector<PlanTable>& out);
/// Options and return.
void add_cost_tables(std::vector<PlanTable>& out);
/// The rent rule.
void add_rent_tables(std::vector<PlanTable>& out);
/// Targets, uncertainty, what would change the verdict, the decision tree, inputs and scale.
void add_decision_tables(std::vector<PlanTable>& out);

}  // namespace kv
