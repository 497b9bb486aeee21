#include "workload/trace_writer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string_view>

namespace kv {
namespace {

constexpr std::size_t kBuffer = std::size_t{256} << 10;

void put(std::string& out, std::uint64_t number) {
  const fmt::format_int text(number);
  out.append(text.data(), text.size());
}

/// Milliseconds: whole where they are, else with as many decimals as nanoseconds need.
void put(std::string& out, Duration time) {
  constexpr std::uint64_t kNsPerMs = 1'000'000;
  const auto ns = static_cast<std::uint64_t>(std::max(time, Duration(0)).count());
  put(out, ns / kNsPerMs);
  std::uint64_t rest = ns % kNsPerMs;
  if (rest == 0) return;
  char digits[] = ".000000";
  for (std::size_t i = 6; i > 0; --i, rest /= 10) digits[i] = static_cast<char>('0' + rest % 10);
  std::string_view text(digits, 7);
  while (text.back() == '0') text.remove_suffix(1);
  out += text;
}

void put(std::string& out, std::string_view key, std::string_view text) {
  if (text.empty()) return;
  out += key;
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 0x7f && c != '"' && c != '\\'; });
  if (plain) {
    out += '"';
    out += text;
    out += '"';
  } else {
    out += nlohmann::json(text).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  }
}

}  // namespace

Result<void> TraceWriter::write(const TraceLine& line) {
  buffer_ += R"({"timestamp": )";
  put(buffer_, line.at);
  buffer_ += R"(, "input_length": )";
  put(buffer_, line.input.count());
  buffer_ += R"(, "output_length": )";
  put(buffer_, line.output.count());
  buffer_ += R"(, "hash_ids": [)";
  for (std::size_t i = 0; i < line.ids.size(); ++i) {
    if (i > 0) buffer_ += ", ";
    put(buffer_, line.ids[i]);
  }
  buffer_ += ']';
  put(buffer_, R"(, "session_id": )", line.origin.session);
  if (line.origin.delay) {
    buffer_ += R"(, "delay": )";
    put(buffer_, *line.origin.delay);
  }
  put(buffer_, R"(, "tenant": )", line.origin.tenant);
  put(buffer_, R"(, "group_id": )", line.origin.group);
  put(buffer_, R"(, "type": )", line.origin.type);
  buffer_ += "}\n";
  ++requests_;
  if (buffer_.size() < kBuffer) return {};
  auto written = out_.write(buffer_);
  buffer_.clear();
  return written;
}

Result<void> TraceWriter::finish() {
  if (auto written = out_.write(buffer_); !written) return written;
  buffer_.clear();
  return out_.finish();
}

}  // namespace kv
