#include "prefill/profile.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <cmath>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "base/parse.hpp"
#include "prefill/profile_parse.hpp"

namespace kv {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{64} << 20;
constexpr double kMaxTokens = 1 << 30, kMaxTtft_ns = 1e15;

bool whole(double value) { return std::floor(value) == value; }

}  // namespace

Result<PrefillPoint> checked_point(double prompt, double cached, double ttft_ns, const std::string& where) {
  const auto refuse = [&where](std::string what) { return error(Code::bad_input, where + ": " + std::move(what)); };
  if (!(prompt >= 1 && prompt <= kMaxTokens && whole(prompt))) {
    return refuse(
        fmt::format("a prompt of {:.12g} tokens; it must be a whole number from 1 to {:.0f}", prompt, kMaxTokens));
  }
  if (!(cached >= 0 && cached < prompt && whole(cached))) {
    return refuse(fmt::format("{:.12g} cached tokens of a prompt of {:.0f}; one at least is computed", cached, prompt));
  }
  if (!(ttft_ns >= 1 && ttft_ns <= kMaxTtft_ns)) {
    return refuse(fmt::format("a time of {:.6g} ns; it must be from 1 ns to {:.0f} s", ttft_ns, kMaxTtft_ns / 1e9));
  }
  return PrefillPoint{Tokens(static_cast<std::uint64_t>(prompt)), Tokens(static_cast<std::uint64_t>(cached)),
                      Duration(std::llround(ttft_ns))};
}

nlohmann::ordered_json make_profile_document(const PrefillProfile& profile) {
  const auto known = [](const std::string& text) {
    return text.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(text);
  };
  nlohmann::ordered_json out = {
      {"schema", kPrefillSchema}, {"model", known(profile.model)}, {"engine", known(profile.engine)}};
  out["points"] = nlohmann::ordered_json::array();
  for (const PrefillPoint& point : profile.points) {
    out["points"].push_back({{"prompt_tokens", point.prompt.count()},
                             {"cached_tokens", point.cached.count()},
                             {"ttft_ns", point.ttft.count()}});
  }
  return out;
}

Result<PrefillProfile> parse_prefill_profile(std::string_view text, const std::string& name) {
  if (text.size() > kMaxBytes) {
    return error(Code::bad_input, fmt::format("{}: larger than {}", name, format_bytes(Bytes(kMaxBytes))),
                 "a few hundred measurements are plenty");
  }
  const std::size_t first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return error(Code::bad_input, name + ": is empty");
  return text[first] == '{' || text[first] == '[' ? parse_profile_json(text, name) : parse_profile_csv(text, name);
}

Result<PrefillProfile> read_prefill_profile(const std::string& path) {
  errno = 0;
  std::ifstream in(path, std::ios::binary);
  std::string text;
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  while (in && text.size() <= kMaxBytes) {
    const std::size_t had = text.size();
    text.resize(had + kPiece);
    in.read(text.data() + had, kPiece);
    text.resize(had + static_cast<std::size_t>(in.gcount()));
  }
  if (in.bad() || (text.empty() && errno != 0)) {
    return error(Code::bad_input, fmt::format("{}: cannot be read: {}", path, std::strerror(errno == 0 ? EIO : errno)),
                 "check the name and its permissions");
  }
  return parse_prefill_profile(text, path);
}

}  // namespace kv
