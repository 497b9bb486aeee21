#include <fmt/format.h>

#include <cmath>

#include "report/document.hpp"
#include "report/json_text.hpp"
#include "report/probe_document.hpp"

namespace kv {
namespace {

using probe::Profile;
using probe::WireModel;

constexpr const char* kHowToMake = "make one with: kvbench probe SPEC --profile FILE";
constexpr std::size_t kMostModels = 1024;

/// One table for writing and reading. `required` figures are never null; others are null where they are not known.
struct Text {
  const char* key;
  std::string Profile::*member;
};
constexpr Text kTexts[] = {{"made_at", &Profile::made_at},
                           {"backend", &Profile::backend},
                           {"transport", &Profile::transport},
                           {"server_name", &Profile::server_name},
                           {"server_version", &Profile::server_version},
                           {"machine_fingerprint", &Profile::machine_fingerprint}};

struct ModelText {
  const char* key;
  std::string WireModel::*member;
};
constexpr ModelText kModelTexts[] = {{"op", &WireModel::operation}, {"codec", &WireModel::codec}};

struct ModelNumber {
  const char* key;
  double WireModel::*member;
  bool positive;  ///< 0 would make no sense
};
constexpr ModelNumber kModelNumbers[] = {{"latency_ns", &WireModel::latency_ns, false},
                                         {"bandwidth_bytes_per_s", &WireModel::bandwidth_bytes_per_s, true},
                                         {"max_relative_residual", &WireModel::max_relative_residual, false},
                                         {"rms_relative_residual", &WireModel::rms_relative_residual, false},
                                         {"least_bytes", &WireModel::least_bytes, false},
                                         {"most_bytes", &WireModel::most_bytes, true}};

Json null_or(const std::optional<double>& value) { return value ? finite(*value) : Json(nullptr); }

/// Reads members of one object; the first that is wrong is remembered, with its place.
class Reader {
 public:
  Reader(const Json& object, std::string where) : object_(object), where_(std::move(where)) {}

  void text(const char* key, std::string& into, bool may_be_null) {
    const Json* value = find(object_, key);
    if (value != nullptr && value->is_string()) {
      into = text_at(object_, key);
    } else if (!may_be_null || value == nullptr || !value->is_null()) {
      wrong(key, may_be_null ? "a text or null" : "a text");
    }
  }
  void number(const char* key, double& into, bool positive) {
    const auto value = number_at(object_, key);
    if (value && std::isfinite(*value) && *value >= 0 && *value <= kMost && (*value > 0 || !positive)) {
      into = *value;
    } else {
      wrong(key, positive ? "a number above 0" : "a number that is not negative");
    }
  }
  void optional_number(const char* key, std::optional<double>& into) {
    const Json* value = find(object_, key);
    if (value != nullptr && value->is_null()) return;
    double read = 0;
    number(key, read, true);
    into = read;
  }
  void flag(const char* key, bool& into) {
    const Json* value = find(object_, key);
    if (value == nullptr || !value->is_boolean()) return wrong(key, "true or false");
    into = value->get<bool>();
  }
  Result<void> result() const { return result_; }

 private:
  static constexpr double kMost = 1e18;
  void wrong(const char* key, const char* expected) {
    if (!result_) return;
    result_ = error(Code::bad_input, fmt::format("{}{} must be {}", where_, key, expected),
                    "the profile was edited or damaged");
  }
  const Json& object_;
  std::string where_;
  Result<void> result_;
};

Result<WireModel> read_model(const Json& json, const std::string& where) {
  WireModel model;
  Reader reader(json, where);
  for (const ModelText& row : kModelTexts) reader.text(row.key, model.*row.member, false);
  for (const ModelNumber& row : kModelNumbers) reader.number(row.key, model.*row.member, row.positive);
  double sizes = 0;
  reader.number("sizes", sizes, true);
  model.sizes = static_cast<std::uint32_t>(std::min(sizes, 1e9));
  reader.optional_number("pipelined_bytes_per_s", model.pipelined_bytes_per_s);
  if (auto ok = reader.result(); !ok) return error(ok);
  return model;
}

Result<Profile> read(const Json& json, const std::string& name) {
  if (text_at(json, "schema") != kProfileSchema) {
    return error(Code::bad_input, fmt::format("{}: is no profile of schema {}", name, kProfileSchema), kHowToMake);
  }
  Profile profile;
  Reader reader(json, name + ": .");
  for (const Text& row : kTexts) reader.text(row.key, profile.*row.member, true);
  reader.flag("on_this_host", profile.on_this_host);
  reader.optional_number("rtt_ns", profile.rtt_ns);
  reader.optional_number("exists_per_s", profile.exists_per_s);
  double chunk = 0;
  reader.number("chunk_bytes", chunk, true);
  profile.chunk = Bytes(static_cast<std::uint64_t>(chunk));
  if (auto ok = reader.result(); !ok) return error(ok);
  const Json* models = find(json, "models");
  if (models == nullptr || !models->is_array() || models->size() > kMostModels) {
    return error(Code::bad_input, fmt::format("{}: .models must be a list of at most {}", name, kMostModels),
                 "the profile was edited or damaged");
  }
  for (std::size_t i = 0; i < models->size(); ++i) {
    auto model = read_model((*models)[i], fmt::format("{}: .models[{}].", name, i));
    if (!model) return error(model);
    profile.models.push_back(std::move(*model));
  }
  return profile;
}

}  // namespace

Profile profile_of(const ProbeContext& c) {
  Profile out;
  Json document = Json::object();
  for (const ContextField& field : context_fields()) {
    if (field.path == "started_at") put(document, field.path, field.get(c.context));
  }
  out.made_at = text_at(document, "started_at");
  out.backend = c.backend;
  out.transport = probe::transport_name(c.findings.transport);
  out.server_name = c.findings.server.name;
  out.server_version = c.findings.server.version;
  out.machine_fingerprint = c.context.machine.fingerprint;
  out.on_this_host = c.findings.on_this_host;
  out.rtt_ns = c.findings.rtt_ns;
  out.chunk = c.chunk;
  for (const probe::Point& point : c.findings.points) {
    const double per_s = probe::median(point.per_s);
    if (point.operation == probe::Operation::exists && per_s > 0) {
      out.exists_per_s = std::max(out.exists_per_s.value_or(0), per_s);
    }
  }
  out.models = probe::models_of(c.findings.points);
  return out;
}

Json profile_json(const Profile& profile) {
  Json out = {{"schema", kProfileSchema}};
  for (const Text& row : kTexts) {
    const std::string& text = profile.*row.member;
    out[row.key] = text.empty() ? Json(nullptr) : Json(text);
  }
  out["on_this_host"] = profile.on_this_host;
  out["rtt_ns"] = null_or(profile.rtt_ns);
  out["exists_per_s"] = null_or(profile.exists_per_s);
  out["chunk_bytes"] = profile.chunk.count();
  out["models"] = Json::array();
  for (const WireModel& model : profile.models) {
    Json row = Json::object();
    for (const ModelText& text : kModelTexts) row[text.key] = model.*text.member;
    for (const ModelNumber& number : kModelNumbers) row[number.key] = finite(model.*number.member);
    row["sizes"] = model.sizes;
    row["pipelined_bytes_per_s"] = null_or(model.pipelined_bytes_per_s);
    out["models"].push_back(std::move(row));
  }
  return out;
}

Result<Profile> read_profile_text(std::string_view text, const std::string& name) {
  const auto json = read_json_text(text, name, kHowToMake);
  if (!json) return error(json);
  const Json* inner = text_at(*json, "schema") == kProbeSchema ? find(*json, "profile") : nullptr;
  return read(inner != nullptr ? *inner : *json, name);
}

Result<Profile> read_profile(const std::string& path) {
  const auto text = read_text_file(path);
  return text ? read_profile_text(*text, path) : error(text);
}

}  // namespace kv
