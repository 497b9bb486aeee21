#include <fmt/format.h>

#include <algorithm>

#include "backend/resp/reply.hpp"
#include "base/parse.hpp"
#include "probe/probe.hpp"

namespace kv::probe {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::uint64_t kMostUnderWay = 256 << 20;

/// All points of one size and codec.
void add_points(const Plan& plan, std::size_t size, const CodecSpec& codec, bool first, std::vector<Point>& out,
                std::uint64_t& left_out) {
  const std::size_t value_bytes = value_bytes_for(size, plan.chunk_bytes);
  for (const std::uint32_t connections : plan.connections) {
    for (const std::uint32_t depth : plan.depths) {
      for (const Operation operation : plan.operations) {
        Point point;
        point.operation = operation;
        point.codec = codec.text;
        point.connections = connections;
        point.depth = depth;
        point.payload_bytes = point.moves_values() ? value_bytes : 0;
        point.cut = Cut::of(point.payload_bytes, plan.chunk_bytes);
        if (!point.moves_values() && !first) continue;
        if (std::uint64_t{value_bytes} * connections * depth > kMostUnderWay && point.moves_values()) {
          ++left_out;
          continue;
        }
        out.push_back(std::move(point));
      }
    }
  }
}

Result<void> check_budget(const Plan& plan, std::size_t points, bool with_limit) {
  const Duration each = plan.least_per_point * (with_limit ? 2 : 1);
  const Duration needed = each * static_cast<std::int64_t>(points);
  if (needed <= plan.budget) return {};
  return error(
      Code::bad_input,
      fmt::format("{} points take at least {}{}, but --time-budget is {}", points, format_duration(needed),
                  with_limit ? ", the raw limit beside each included" : "", format_duration(plan.budget)),
      fmt::format("{} points would fit: leave out some of --sizes, --depths, --connections, --codecs or --ops, "
                  "or raise --time-budget, or lower --min-time",
                  plan.budget / each));
}

}  // namespace

std::size_t value_bytes_for(std::size_t size, std::size_t chunk_bytes) {
  const std::size_t chunk_class = chunk_bytes + kPage;
  return size % chunk_class == 0 ? size / chunk_class * chunk_bytes : size;
}

Result<std::vector<Point>> points_of(const Plan& plan, bool with_limit, std::uint64_t& left_out) {
  for (const std::size_t size : plan.sizes) {
    if (size > 0 && size <= resp::kMaxValueBytes) continue;
    return error(Code::bad_input, fmt::format("a value of {} cannot be probed", format_bytes(Bytes(size))),
                 fmt::format("sizes go from 1 byte to {}", format_bytes(Bytes(resp::kMaxValueBytes))));
  }
  left_out = 0;
  std::vector<Point> points;
  bool first = true;
  for (const CodecSpec& codec : plan.codecs) {
    for (const std::size_t size : plan.sizes) {
      add_points(plan, size, codec, first, points, left_out);
      first = false;
    }
  }
  if (points.empty()) {
    return error(Code::bad_input,
                 fmt::format("no point has less than {} of values under way", format_bytes(Bytes(kMostUnderWay))),
                 "choose smaller --sizes, --depths or --connections");
  }
  if (auto ok = check_budget(plan, points.size(), with_limit); !ok) return error(ok);
  return points;
}

}  // namespace kv::probe
