#include "workload/trace_line.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <cmath>

namespace kv {

namespace json = simdjson::ondemand;

struct TraceLineParser::State {
  json::parser parser;
  std::vector<BlockId> ids;
};

TraceLineParser::TraceLineParser() : state_(std::make_unique<State>()) {}
TraceLineParser::~TraceLineParser() = default;

namespace {

static_assert(Line::kPadding >= simdjson::SIMDJSON_PADDING);

enum Field : unsigned { kTimestamp, kInput, kOutput, kIds, kRequired };  // then those that may be missing
enum : unsigned { kSession = kRequired, kDelay, kTenant, kGroup, kType, kFields };
constexpr std::array<const char*, kFields> kNames{
    "timestamp", "input_length", "output_length", "hash_ids", "session_id", "delay", "tenant", "group_id", "type"};
constexpr std::uint64_t kMaxLength = UINT32_MAX;
constexpr std::uint64_t kMaxMilliseconds = 9'000'000'000'000;  // 285 years: nanoseconds fit 63 bits
constexpr int kMaxDepth = 64;
constexpr const char* kShape =
    R"(a line is one object: {"timestamp": 0, "input_length": 600, "output_length": 20, "hash_ids": [0, 1]})";

tl::unexpected<Error> malformed(simdjson::error_code code) {
  return error(Code::bad_input, fmt::format("malformed JSON: {}", simdjson::error_message(code)), kShape);
}

/// What stands there, short enough and clean enough for a terminal.
std::string quoted(json::value& value) {
  std::string_view token = value.raw_json_token();
  token = token.substr(0, token.find_last_not_of(" \t\r\n") + 1);
  std::string out;
  for (const char c : token.substr(0, 40)) out += (c >= ' ' && c < 0x7f) ? c : '?';
  return token.size() > 40 ? out + "..." : out;
}

tl::unexpected<Error> not_a(std::string_view name, const std::string& what, json::value& value) {
  return error(Code::bad_input, fmt::format("{} must be {}, but is {}", name, what, quoted(value)), kShape);
}

Result<std::uint64_t> read_count(Field field, std::uint64_t lowest, json::value& value) {
  std::uint64_t count = 0;
  if (value.get_uint64().get(count) != simdjson::SUCCESS || count < lowest || count > kMaxLength) {
    return not_a(kNames[field], fmt::format("a whole number from {} to {}", lowest, kMaxLength), value);
  }
  return count;
}

Result<Duration> read_milliseconds(unsigned field, json::value& value) {
  std::uint64_t whole = 0;
  double ms = 0;
  if (value.get_uint64().get(whole) == simdjson::SUCCESS) {
    if (whole <= kMaxMilliseconds) return std::chrono::milliseconds(whole);
  } else if (value.get_double().get(ms) == simdjson::SUCCESS && ms >= 0 &&
             ms <= static_cast<double>(kMaxMilliseconds)) {
    return Duration(std::llround(ms * 1e6));
  }
  return not_a(kNames[field], "a number of milliseconds from 0 to 9e12", value);
}

/// On-demand parsing looks only at what is asked for, so a field that nobody wants is read too.
simdjson::error_code check_ignored(json::value value, int depth) {  // NOLINT(misc-no-recursion): depth is bounded
  if (depth == 0) return simdjson::DEPTH_ERROR;
  json::json_type type{};
  if (const auto code = value.type().get(type)) return code;
  switch (type) {
    case json::json_type::array: {
      json::array array;
      if (const auto code = value.get_array().get(array)) return code;
      for (auto item : array) {
        json::value element;
        if (const auto code = item.get(element)) return code;
        if (const auto code = check_ignored(element, depth - 1)) return code;
      }
      return simdjson::SUCCESS;
    }
    case json::json_type::object: {
      json::object object;
      if (const auto code = value.get_object().get(object)) return code;
      for (auto item : object) {
        json::field field;
        if (const auto code = std::move(item).get(field)) return code;
        if (const auto code = field.unescaped_key().error()) return code;
        if (const auto code = check_ignored(field.value(), depth - 1)) return code;
      }
      return simdjson::SUCCESS;
    }
    case json::json_type::string:
      return value.get_string().error();
    case json::json_type::boolean:
      return value.get_bool().error();
    case json::json_type::number:
      return value.get_double().error();
    default: {
      const std::string_view token = value.raw_json_token();
      return token.substr(0, token.find_last_not_of(" \t\r") + 1) == "null" ? simdjson::SUCCESS
                                                                            : simdjson::N_ATOM_ERROR;
    }
  }
}

/// A name: a string, a number as it stands, or nothing (null).
Result<std::string_view> read_name(unsigned field, json::value& value) {
  json::json_type type{};
  if (const auto code = value.type().get(type)) return malformed(code);
  std::string_view text;
  if (type == json::json_type::string && value.get_string().get(text) == simdjson::SUCCESS) return text;
  if (type == json::json_type::number) {
    text = value.raw_json_token();
    return text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  }
  if (type == json::json_type::null && !check_ignored(value, 1)) return text;
  return not_a(kNames[field], "a string or a number", value);
}

Result<void> read_ids(json::value& value, std::vector<BlockId>& ids) {
  json::array array;
  if (value.get_array().get(array) != simdjson::SUCCESS) return not_a(kNames[kIds], "an array of numbers", value);
  ids.clear();
  for (auto item : array) {
    BlockId id = 0;
    if (item.get_uint64().get(id) != simdjson::SUCCESS) {
      json::value element;
      if (const auto code = item.get(element)) return malformed(code);
      return not_a(fmt::format("hash_ids[{}]", ids.size()), "a whole number from 0 to 2^64 - 1", element);
    }
    ids.push_back(id);
  }
  if (ids.empty()) return error(Code::bad_input, "hash_ids is empty: every block of the prompt has an id", kShape);
  return {};
}

/// Which of our fields this is, beginning with a guess; kFields for others. Consumes the key.
simdjson::error_code find_field(json::field& field, unsigned guess, unsigned& found) {
  const json::raw_json_string key = field.key();
  for (unsigned i = 0; i < kFields; ++i) {
    found = (guess + i) % kFields;
    if (key.unsafe_is_equal(kNames[found])) return simdjson::SUCCESS;
  }
  std::string_view plain;  // with escapes resolved, it may be one of ours after all
  if (const auto code = field.unescaped_key().get(plain)) return code;
  for (found = 0; found < kFields && plain != kNames[found];) ++found;
  return simdjson::SUCCESS;
}

/// The delay may be null: the trace has the field, but not for this line.
Result<void> read_delay(json::value& value, std::optional<Duration>& out) {
  json::json_type type{};
  if (!value.type().get(type) && type == json::json_type::null && !check_ignored(value, 1)) return {};
  const auto time = read_milliseconds(kDelay, value);
  if (!time) return error(time);
  out = *time;
  return {};
}

std::string_view& name_of(Origin& origin, unsigned field) {
  switch (field) {
    case kSession:
      return origin.session;
    case kTenant:
      return origin.tenant;
    case kGroup:
      return origin.group;
    default:
      return origin.type;
  }
}

Result<void> read_field(unsigned which, json::value value, TraceLine& out, std::vector<BlockId>& ids) {
  switch (which) {
    case kTimestamp: {
      const auto at = read_milliseconds(which, value);
      if (!at) return error(at);
      out.at = *at;
      return {};
    }
    case kDelay:
      return read_delay(value, out.origin.delay);
    case kInput:
    case kOutput: {
      const auto count = read_count(static_cast<Field>(which), which == kInput ? 1 : 0, value);
      if (!count) return error(count);
      (which == kInput ? out.input : out.output) = Tokens(*count);
      return {};
    }
    case kIds:
      return read_ids(value, ids);
    case kFields:
      if (const auto code = check_ignored(value, kMaxDepth)) return malformed(code);
      return {};
    default: {
      const auto name = read_name(which, value);
      if (!name) return error(name);
      name_of(out.origin, which) = *name;
      return {};
    }
  }
}

Result<void> check_complete(unsigned seen) {
  for (unsigned which = 0; which < kRequired; ++which) {
    if ((seen >> which & 1U) == 0) {
      return error(Code::bad_input, fmt::format("the field {} is missing", kNames[which]), kShape);
    }
  }
  return {};
}

}  // namespace

Result<void> TraceLineParser::parse(const Line& line, TraceLine& out) {
  json::document document;
  if (const auto code = state_->parser.iterate(line.data, line.size, line.readable).get(document)) {
    return malformed(code);
  }
  json::object object;
  if (const auto code = document.get_object().get(object)) {
    if (code != simdjson::INCORRECT_TYPE) return malformed(code);
    return error(Code::bad_input, "the line is not a JSON object", kShape);
  }
  out.origin = {};
  unsigned seen = 0, which = kFields - 1;
  for (auto item : object) {
    json::field field;
    if (const auto code = std::move(item).get(field)) return malformed(code);
    if (const auto code = find_field(field, which + 1, which)) return malformed(code);
    if (which < kFields && (seen >> which & 1U) != 0) {
      return error(Code::bad_input, fmt::format("the field {} occurs twice", kNames[which]), kShape);
    }
    seen |= 1U << which;
    if (const auto read = read_field(which, field.value(), out, state_->ids); !read) return error(read);
  }
  if (document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return error(Code::bad_input, "malformed JSON: something follows the object", kShape);
  }
  if (auto complete = check_complete(seen); !complete) return complete;
  out.line = line.number;
  out.ids = state_->ids;
  return {};
}

}  // namespace kv
