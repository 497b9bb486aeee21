#include "profile/composed.hpp"

#include <algorithm>

namespace kv {

void Choice::add(std::uint32_t index, double weight) {
  entries_.push_back({(entries_.empty() ? 0 : entries_.back().weights_so_far) + weight, index});
}

std::size_t Choice::draw(Random& random) const {
  if (entries_.size() == 1) return 0;
  const double at = random.uniform() * entries_.back().weights_so_far;
  const auto found = std::upper_bound(entries_.begin(), entries_.end() - 1, at,
                                      [](double x, const Entry& entry) { return x < entry.weights_so_far; });
  return static_cast<std::size_t>(found - entries_.begin());
}

namespace {

constexpr double kMostWeight = 1e6, kLeastWeight = 1e-6;

template <class Into>
auto optional_arrivals() {
  return [](const TomlValue& value, Into& out) -> Result<void> {
    auto read = read_arrivals(value);
    if (!read) return error(read);
    out.arrivals = std::move(*read);
    return {};
  };
}

Result<void> read_requests(const TomlValue& value, ComposedProfile& out) {
  const auto count = read_count(value, 1, 1'000'000'000'000);
  if (!count) return error(count);
  out.requests = *count;
  return {};
}

Result<void> read_duration(const TomlValue& value, ComposedProfile& out) {
  const auto number = read_number(value, 0.001, kMostSeconds);
  if (!number) return error(number);
  out.duration_s = *number;
  return {};
}

template <std::uint64_t Limits::*Field>
Result<void> read_limit(const TomlValue& value, ComposedProfile& out, std::uint64_t lowest, std::uint64_t highest) {
  const auto count = read_count(value, lowest, highest);
  if (!count) return error(count);
  out.limits.*Field = *count;
  return {};
}

Result<void> read_rate(const TomlValue& value, ComposedProfile& out) {
  const auto number = read_number(value, 0.001, 1e9);
  if (!number) return error(number);
  out.limits.output_tokens_per_s = *number;
  return {};
}

Result<void> read_tenants(const TomlValue& value, ComposedProfile& out) {
  const auto array = read_as_array(value, kMostTenants);
  if (!array) return error(array);
  for (const TomlValue& item : **array) {
    TenantSpec tenant;
    if (auto read = read_table<TenantSpec>(item, tenant_keys(), tenant); !read) return read;
    const auto same = [&](const TenantSpec& other) { return other.name == tenant.name; };
    if (std::any_of(out.tenants.begin(), out.tenants.end(), same)) {
      return item.wrong(fmt::format("there are two tenants {}", quote(tenant.name)));
    }
    out.tenants.push_back(std::move(tenant));
  }
  return {};
}

Result<Traffic> read_traffic(const TomlValue& value, std::span<const std::string> common) {
  const TomlValue* type = value.find("type");
  if (type == nullptr) return value.wrong("the key type is missing", "type = \"conversation\", say");
  const auto name = read_text(*type);
  if (!name) return error(name);
  const auto row = find_row(*type, component_types(), *name);
  if (!row) return error(row);
  Traffic traffic;
  traffic.name = *name;
  auto component = (*row)->make(value, common);
  if (!component) return error(component);
  traffic.component = std::move(*component);
  for (const auto& key : component_keys()) {
    const TomlValue* member = value.find(key.name);
    if (member == nullptr) continue;
    if (const auto read = key.read(*member, traffic); !read) return error(read);
  }
  return traffic;
}

Result<void> read_components(const TomlValue& value, ComposedProfile& out) {
  const auto array = read_as_array(value, kMostComponents);
  if (!array) return error(array);
  std::vector<std::string> common;
  for (const auto& key : component_keys()) common.push_back(key.name);
  for (const TomlValue& item : **array) {
    auto traffic = read_traffic(item, common);
    if (!traffic) return error(traffic);
    if (traffic->arrivals && item.find("weight") != nullptr) {
      return item.wrong("has both arrivals of its own and a weight, its share of the common arrivals");
    }
    out.traffic.push_back(std::move(*traffic));
  }
  return {};
}

/// Whose sessions a component has: the tenants that it names, or all.
Result<void> assign_tenants(const TomlValue& component, const std::vector<TenantSpec>& tenants, Traffic& traffic) {
  std::vector<std::string> names;
  names.reserve(tenants.size());
  for (const TenantSpec& tenant : tenants) names.push_back(tenant.name);
  for (const std::string& wanted : traffic.tenant_names) {
    if (std::find(names.begin(), names.end(), wanted) != names.end()) continue;
    const auto close = nearest(wanted, names);
    return component.wrong(
        fmt::format("there is no tenant {}", quote(wanted)),
        close ? fmt::format("did you mean '{}'?", *close) : "[[tenant]] with name and share adds it");
  }
  for (std::uint32_t i = 0; i < tenants.size(); ++i) {
    const auto& chosen = traffic.tenant_names;
    if (chosen.empty() || std::find(chosen.begin(), chosen.end(), names[i]) != chosen.end()) {
      traffic.tenants.add(i, tenants[i].share);
    }
  }
  return {};
}

/// Components without arrivals of their own share those of the profile.
Result<void> assign_arrivals(const TomlValue& root, ComposedProfile& profile) {
  ArrivalSource common;
  for (std::uint32_t i = 0; i < profile.traffic.size(); ++i) {
    const Traffic& traffic = profile.traffic[i];
    if (traffic.arrivals) {
      profile.sources.push_back({*traffic.arrivals, {}});
      profile.sources.back().components.add(i, 1);
    } else {
      common.components.add(i, traffic.weight);
    }
  }
  if (common.components.empty()) {
    return profile.arrivals ? root.wrong("[arrivals] is there, but every component has arrivals of its own")
                            : Result<void>();
  }
  if (!profile.arrivals) {
    return root.wrong("the table [arrivals] is missing",
                      "[arrivals] type = \"poisson\", rate_per_s = 2: how many sessions begin a second");
  }
  common.arrivals = *profile.arrivals;
  profile.sources.push_back(std::move(common));
  return {};
}

Result<void> check(const TomlValue& root, const ComposedProfile& profile) {
  if (!profile.requests && !profile.duration_s) {
    return root.wrong("says neither requests nor duration_s", "requests = 10000, say");
  }
  if (ceil_div(profile.limits.max_input_tokens, profile.limits.block_size) > kMostBlocksAPrompt) {
    return root.wrong(fmt::format("a prompt of max_input_tokens {} is more than {} blocks of {}",
                                  profile.limits.max_input_tokens, kMostBlocksAPrompt, profile.limits.block_size),
                      "lower max_input_tokens");
  }
  std::uint64_t texts = 0;  // 64 components of at most 2e6 x 1000
  for (const Traffic& traffic : profile.traffic) texts += traffic.texts();
  if (texts > kMostTexts) {
    return root.wrong(fmt::format("the components have {} shared texts together; {} are possible", texts, kMostTexts),
                      "own_texts = false lets all tenants of a component use the same");
  }
  return {};
}

class Composed final : public Generator {
 public:
  explicit Composed(ComposedProfile profile) : profile_(std::move(profile)) {}
  Tokens block_size() const override { return Tokens(profile_.limits.block_size); }
  Result<GeneratedCounts> run(const GenerateOptions& options, const RequestSink& sink) const override {
    return run_composed(profile_, options, sink);
  }

 private:
  ComposedProfile profile_;
};

}  // namespace

const std::vector<TomlKey<TenantSpec>>& tenant_keys() {
  static const std::vector<TomlKey<TenantSpec>> keys{
      {"name", kRequired, "as the trace will call it",
       [](const TomlValue& value, TenantSpec& out) -> Result<void> {
         auto text = read_text(value);
         if (!text) return error(text);
         out.name = std::move(*text);
         return {};
       }},
      number_key("share", &TenantSpec::share, "1", "of the sessions, relative to the other tenants", kLeastWeight,
                 kMostWeight),
  };
  return keys;
}

const std::vector<TomlKey<Traffic>>& component_keys() {
  static const std::vector<TomlKey<Traffic>> keys{
      type_key<Traffic>("which of the types below"),
      {"name", "its type", "what the trace calls the type of its requests",
       [](const TomlValue& value, Traffic& out) -> Result<void> {
         auto text = read_text(value);
         if (!text) return error(text);
         out.name = std::move(*text);
         return {};
       }},
      number_key("weight", &Traffic::weight, "1",
                 "share of [arrivals], relative to the other components: of sessions, not of requests", kLeastWeight,
                 kMostWeight),
      {"arrivals", "[arrivals]", "a process of its own, instead of a share", optional_arrivals<Traffic>()},
      {"tenants", "all", "names of those whose sessions these are",
       [](const TomlValue& value, Traffic& out) -> Result<void> {
         auto texts = read_texts(value, kMostTenants);
         if (!texts) return error(texts);
         out.tenant_names = std::move(*texts);
         return {};
       }},
      {"own_texts", "true", "each tenant has system prompts, documents and tasks of its own",
       [](const TomlValue& value, Traffic& out) -> Result<void> {
         const auto flag = read_flag(value);
         if (!flag) return error(flag);
         out.own_texts = *flag;
         return {};
       }},
  };
  return keys;
}

const std::vector<TomlKey<ComposedProfile>>& profile_keys() {
  using P = ComposedProfile;
  static const std::vector<TomlKey<P>> keys{
      {"requests", "no end", "stop after so many; --requests comes first", read_requests},
      {"duration_s", "no end", "stop at this time", read_duration},
      {"block_size", "512", "tokens a block",
       [](const TomlValue& v, P& out) { return read_limit<&Limits::block_size>(v, out, 1, 65536); }},
      {"max_input_tokens", "131072", "longest prompt: conversations end there",
       [](const TomlValue& v, P& out) { return read_limit<&Limits::max_input_tokens>(v, out, 2, 16'777'216); }},
      {"output_tokens_per_s", "50", "how fast answers are written: a user thinks after reading one", read_rate},
      {"arrivals", "each component's", "when sessions begin", optional_arrivals<P>()},
      {"tenant", "none", "[[tenant]]: who shares the service", read_tenants},
      {"component", kRequired, "[[component]]: a kind of traffic", read_components},
  };
  return keys;
}

Result<std::unique_ptr<Generator>> parse_composed(const TomlValue& root) {
  ComposedProfile profile;
  if (const auto read = read_table<ComposedProfile>(root, profile_keys(), profile); !read) return error(read);
  const auto& components = std::get<TomlValue::Array>(root.find("component")->data);
  for (std::size_t i = 0; i < components.size(); ++i) {
    const auto assigned = assign_tenants(components[i], profile.tenants, profile.traffic[i]);
    if (!assigned) return error(assigned);
  }
  if (const auto assigned = assign_arrivals(root, profile); !assigned) return error(assigned);
  if (const auto checked = check(root, profile); !checked) return error(checked);
  return std::make_unique<Composed>(std::move(profile));
}

}  // namespace kv
