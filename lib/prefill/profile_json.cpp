#include <fmt/format.h>

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <utility>

#include "base/parse.hpp"
#include "prefill/profile_parse.hpp"

namespace kv {
namespace {

constexpr std::size_t kMaxDepth = 64;
constexpr const char* kHowTo =
    "a profile comes from kvbench calibrate, from vllm bench serve --save-result --save-detailed, or is a CSV of your "
    "own";

/// Takes the events of nlohmann's parser, so that a file of 64 MiB, most of it texts and times between tokens that
/// nobody asked for, makes no tree. A function that returns false ends the parse; trouble() says why.
class ProfileEvents {
 public:
  explicit ProfileEvents(std::string name) : name_(std::move(name)) {}

  const std::string& trouble() const { return trouble_; }
  Result<PrefillProfile> take();

  bool null() { return other(); }
  bool boolean(bool) { return other(); }
  bool number_integer(std::int64_t value) { return number(static_cast<double>(value)); }
  bool number_unsigned(std::uint64_t value) { return number(static_cast<double>(value)); }
  bool number_float(double value, const std::string&) { return number(value); }
  bool string(std::string& text);
  bool binary(nlohmann::json::binary_t&) { return other(); }
  bool start_object(std::size_t);
  bool key(std::string& name);
  bool end_object();
  bool start_array(std::size_t) { return open(); }
  bool end_array() {
    --depth_;
    return true;
  }
  bool parse_error(std::size_t position, const std::string&, const nlohmann::json::exception&) {
    return fail(fmt::format("no JSON at byte {}", position));
  }

 private:
  using Figures = std::map<std::string, double>;

  bool fail(std::string why) {
    trouble_ = std::move(why);
    return false;
  }
  bool open() {
    if (depth_ == kMaxDepth) return fail(fmt::format("nested deeper than {}", kMaxDepth));
    ++depth_;
    return true;
  }
  bool in_list(const char* key) const { return depth_ == 2 && key_ == key; }
  bool in_point() const { return depth_ == 3 && key_ == "points"; }
  bool number(double value);
  bool other();
  bool add(std::vector<double>& list, double value) {
    if (list.size() == kMaxProfilePoints) return fail(fmt::format("over {} measurements", kMaxProfilePoints));
    list.push_back(value);
    return true;
  }
  Result<PrefillProfile> ours() const;
  Result<PrefillProfile> vllm() const;
  std::string text(const std::string& key) const {
    const auto at = texts_.find(key);
    return at == texts_.end() ? std::string() : at->second;
  }

  std::string name_, trouble_;
  std::size_t depth_ = 0;
  std::string key_, point_key_;
  std::map<std::string, std::string> texts_;  // of the few keys that matter
  std::vector<Figures> points_;
  std::vector<double> input_lens_, ttfts_;
  std::vector<bool> failed_;
};

bool ProfileEvents::start_object(std::size_t) {
  if (depth_ == 2 && key_ == "points") {
    if (points_.size() == kMaxProfilePoints) return fail(fmt::format("over {} measurements", kMaxProfilePoints));
    points_.emplace_back();
  }
  return open();
}

bool ProfileEvents::end_object() {
  --depth_;
  return true;
}

bool ProfileEvents::key(std::string& name) {
  if (depth_ == 1) {
    key_ = std::move(name);
  } else if (in_point()) {
    point_key_ = std::move(name);
  }
  return true;
}

bool ProfileEvents::number(double value) {
  if (in_list("input_lens")) return add(input_lens_, value);
  if (in_list("ttfts")) return add(ttfts_, value);
  if (!in_point()) return other();
  for (const char* known : {"prompt_tokens", "cached_tokens", "ttft_ns"}) {
    if (point_key_ == known) points_.back()[point_key_] = value;
  }
  return true;
}

bool ProfileEvents::string(std::string& text) {
  if (in_list("errors")) {
    failed_.push_back(!text.empty());
    return true;
  }
  if (depth_ != 1) return other();
  for (const char* known : {"schema", "model", "engine", "model_id", "backend"}) {
    if (key_ == known) texts_[key_] = text.substr(0, 200);
  }
  return true;
}

/// A value that is no figure where one must be.
bool ProfileEvents::other() {
  if (depth_ == 0) return fail("is no JSON object");
  if (in_list("input_lens") || in_list("ttfts")) return fail(key_ + " holds something other than numbers");
  if (in_list("points")) return fail("points hold something other than objects");
  if (in_list("errors")) failed_.push_back(false);
  return true;
}

Result<PrefillProfile> ProfileEvents::ours() const {
  PrefillProfile out{text("model"), text("engine"), {}};
  for (std::size_t i = 0; i < points_.size(); ++i) {
    const std::string where = fmt::format("{}: .points[{}]", name_, i);
    const Figures& figures = points_[i];
    for (const char* needed : {"prompt_tokens", "ttft_ns"}) {
      if (figures.count(needed) == 0) return error(Code::bad_input, fmt::format("{}: no {}", where, needed), kHowTo);
    }
    const auto cached = figures.find("cached_tokens");
    const auto point = checked_point(figures.at("prompt_tokens"), cached == figures.end() ? 0 : cached->second,
                                     figures.at("ttft_ns"), where);
    if (!point) return error(point);
    out.points.push_back(*point);
  }
  return out;
}

Result<PrefillProfile> ProfileEvents::vllm() const {
  if (input_lens_.size() != ttfts_.size()) {
    return error(Code::bad_input,
                 fmt::format("{}: input_lens has {} entries and ttfts {}", name_, input_lens_.size(), ttfts_.size()),
                 "each request needs both: vllm bench serve --save-result --save-detailed");
  }
  PrefillProfile out{text("model_id"), text("backend"), {}};
  if (out.engine.empty()) out.engine = "vllm bench serve";
  for (std::size_t i = 0; i < ttfts_.size(); ++i) {
    if ((i < failed_.size() && failed_[i]) || ttfts_[i] == 0) continue;  // as it writes a request that failed
    const auto point = checked_point(input_lens_[i], 0, ttfts_[i] * 1e9, fmt::format("{}: request {}", name_, i));
    if (!point) return error(point);
    out.points.push_back(*point);
  }
  return out;
}

Result<PrefillProfile> ProfileEvents::take() {
  if (text("schema") == kPrefillSchema) return ours();
  if (!text("schema").empty()) {
    return error(Code::bad_input,
                 fmt::format("{}: is of schema {}, not {}", name_, quote(text("schema")), kPrefillSchema), kHowTo);
  }
  if (!input_lens_.empty() || !ttfts_.empty()) return vllm();
  return error(
      Code::bad_input,
      fmt::format("{}: neither of schema {} nor a vLLM result with input_lens and ttfts", name_, kPrefillSchema),
      kHowTo);
}

}  // namespace

Result<PrefillProfile> parse_profile_json(std::string_view text, const std::string& name) {
  ProfileEvents events(name);
  if (nlohmann::json::sax_parse(text.begin(), text.end(), &events)) return events.take();
  return error(Code::bad_input, fmt::format("{}: {}", name, events.trouble()), kHowTo);
}

}  // namespace kv
