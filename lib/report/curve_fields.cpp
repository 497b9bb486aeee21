#include <cmath>

#include "report/curve_document.hpp"
#include "report/field_rows.hpp"

namespace kv {
namespace {

using In = CurveField::In;
constexpr double kGb = 1e9;

/// Six digits behind the point: more would be noise.
Json rounded6(double value) { return finite(std::round(value * 1e6) / 1e6); }

Json whole(double value) { return Json(static_cast<std::uint64_t>(std::llround(std::max(value, 0.0)))); }

Json number(double value) { return std::floor(value) == value ? whole(value) : finite(value); }

Json hit_rate(double hits, std::uint64_t of) {
  return of == 0 ? Json(nullptr) : finite(hits / static_cast<double>(of));
}

std::optional<double> bytes_of(const CurvePoint& point, const CurveContext& c) {
  if (!c.block_bytes || !point.capacity) return std::nullopt;
  return *c.block_bytes * static_cast<double>(point.capacity->count());
}

Json marginal(const CurvePoint& point, const CurvePoint* smaller, const CurveContext& c) {
  const auto bytes = bytes_of(point, c);
  if (!bytes) return nullptr;
  const double before = smaller == nullptr ? 0 : *bytes_of(*smaller, c);
  const double hits = smaller == nullptr ? 0 : smaller->token_hits;
  return *bytes > before ? rounded6((point.token_hits - hits) / ((*bytes - before) / kGb)) : Json(nullptr);
}

using Get = std::function<Json(const CurvePoint&)>;
auto plain(Get get) {
  return [get = std::move(get)](const CurvePoint& p, const CurvePoint*, const CurveContext&) { return get(p); };
}

void add_what(std::vector<CurveField>& out) {
  out.push_back({"policy", Unit::text, "policy", In::points, "who leaves first (see: kvbench list policies)",
                 plain([](const CurvePoint& p) { return text_or_null(p.policy); })});
  out.push_back({"admit", Unit::count, "", In::both, "a block is stored at its K-th use",
                 plain([](const CurvePoint& p) { return Json(p.admit); })});
  out.push_back({"ttl_s", Unit::seconds, "ttl", In::ttl_points, "time to live, seconds of the workload's time",
                 plain([](const CurvePoint& p) { return p.ttl ? number(seconds(*p.ttl)) : Json(nullptr); })});
  out.push_back({"ttl_mode", Unit::text, "", In::ttl_points, "sliding: since last use; fixed: since it was stored",
                 plain([](const CurvePoint& p) { return Json(std::string(ttl_mode_name(p.ttl_mode))); })});
  out.push_back({"capacity_blocks", Unit::count, "blocks", In::both, "size of the cache; null: without a bound",
                 plain([](const CurvePoint& p) { return p.capacity ? Json(p.capacity->count()) : Json(nullptr); })});
  out.push_back({"capacity_share", Unit::ratio, "of all", In::both, "the same as a share of the unique blocks",
                 [](const CurvePoint& p, const CurvePoint*, const CurveContext& c) {
                   if (!p.capacity || !(c.curve.unique_blocks > 0)) return Json(nullptr);
                   return rounded6(static_cast<double>(p.capacity->count()) / c.curve.unique_blocks);
                 }});
  out.push_back({"capacity_bytes", Unit::bytes, "size", In::both,
                 "the same in bytes of full blocks; null: no model given",
                 [](const CurvePoint& p, const CurvePoint*, const CurveContext& c) {
                   const auto bytes = bytes_of(p, c);
                   return bytes ? whole(*bytes) : Json(nullptr);
                 }});
  out.push_back({"usd_per_hour", Unit::usd, "$ / h", In::both, "rent of so many bytes; null: no price given",
                 [](const CurvePoint& p, const CurvePoint*, const CurveContext& c) {
                   const auto bytes = bytes_of(p, c);
                   return bytes && c.usd_per_gb_hour ? rounded6(*bytes / kGb * *c.usd_per_gb_hour) : Json(nullptr);
                 }});
}

void add_hits(std::vector<CurveField>& out) {
  out.push_back({"requests_with_hit", Unit::count, "", In::both, "requests that find at least one block",
                 plain([](const CurvePoint& p) { return or_null(p.requests_with_hit); })});
  out.push_back({"block_hits", Unit::count, "", In::both, "blocks found, each with all blocks before it",
                 plain([](const CurvePoint& p) { return whole(p.block_hits); })});
  out.push_back({"token_hits", Unit::count, "", In::both,
                 "the same in tokens: min(hit blocks x block size, input) a request",
                 plain([](const CurvePoint& p) { return whole(p.token_hits); })});
  out.push_back({"block_hit_rate", Unit::ratio, "block\nhits", In::both, "block_hits / block_refs",
                 [](const CurvePoint& p, const CurvePoint*, const CurveContext& c) {
                   return hit_rate(p.block_hits, c.curve.block_refs);
                 }});
  out.push_back({"token_hit_rate", Unit::ratio, "token\nhits", In::both, "token_hits / input_tokens",
                 [](const CurvePoint& p, const CurvePoint*, const CurveContext& c) {
                   return hit_rate(p.token_hits, c.curve.input_tokens);
                 }});
  out.push_back({"block_hit_rate_error", Unit::ratio, "", In::points,
                 "half of the 95 % interval of an estimate; null: the figure is exact",
                 plain([](const CurvePoint& p) { return or_null(p.block_hit_rate_error); })});
  out.push_back({"token_hit_rate_error", Unit::ratio, "±", In::points, "the same of token_hit_rate",
                 plain([](const CurvePoint& p) { return or_null(p.token_hit_rate_error); })});
  out.push_back({"token_hits_per_gb", Unit::amount, "tokens\nper GB", In::points,
                 "token hits that each further 10^9 bytes give, from the next smaller capacity to this one", marginal});
  out.push_back({"insertions", Unit::count, "stored", In::both, "blocks stored; null: not told by this method",
                 plain([](const CurvePoint& p) { return or_null(p.insertions); })});
  out.push_back({"evictions", Unit::count, "evicted", In::both, "blocks that had to leave",
                 plain([](const CurvePoint& p) { return or_null(p.evictions); })});
  out.push_back({"unstored", Unit::count, "", In::both,
                 "blocks neither found nor stored: no room, not admitted, or there behind a hole",
                 plain([](const CurvePoint& p) { return or_null(p.unstored); })});
  out.push_back({"method", Unit::text, "", In::both, "one pass and simulation are exact; sample is an estimate",
                 plain([](const CurvePoint& p) { return Json(std::string(curve_method_name(p.method))); })});
}

}  // namespace

std::span<const CurveField> curve_fields() {
  static const std::vector<CurveField> kFields = [] {
    std::vector<CurveField> out;
    add_what(out);
    add_hits(out);
    return out;
  }();
  return kFields;
}

}  // namespace kv
