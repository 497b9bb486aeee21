#include "price/price_keys.hpp"

namespace kv {
namespace {

constexpr std::uint64_t kMostBytes = std::uint64_t{1} << 60;
constexpr double kMostRate = 1e15;  // bytes per second

Result<Uncertain> checked(const TomlValue& value, Uncertain range) {
  if (range.low <= range.typical && range.typical <= range.high) return range;
  return value.wrong(
      fmt::format("low, typical and high must not fall, but are {}, {} and {}", range.low, range.typical, range.high),
      "write { low = 2.5, typical = 2.95, high = 5 }, or one number");
}

/// The text of a figure with a unit.
Result<std::string> unit_text(const TomlValue& value, const std::string& what) {
  const auto* text = std::get_if<std::string>(&value.data);
  if (text == nullptr) return value.wrong(fmt::format("must be {}, in quotes", what));
  return *text;
}

/// What parse_bytes() or parse_rate() had to say, with its place.
tl::unexpected<Error> at(const TomlValue& value, const Error& found) { return value.wrong(found.message, found.hint); }

/// A word of two.
template <class T>
auto choice(const char* first, T one, const char* second, T two) {
  return [=](const TomlValue& value) -> Result<T> {
    const auto* text = std::get_if<std::string>(&value.data);
    if (text != nullptr && *text == first) return one;
    if (text != nullptr && *text == second) return two;
    return value.wrong(fmt::format("must be \"{}\" or \"{}\"", first, second));
  };
}

template <class T>
TomlKey<T> share_key() {
  return number_key<T>("reserved_share", &T::reserved_share, "0", "of memory, that nobody can use", 0, 0.95);
}

}  // namespace

Result<Uncertain> read_range(const TomlValue& value) {
  if (std::holds_alternative<TomlValue::Table>(value.data)) {
    Uncertain range;
    const std::vector<TomlKey<Uncertain>> keys{
        number_key("low", &Uncertain::low, kRequired, "at least", 0, kMostUsd),
        number_key("typical", &Uncertain::typical, kRequired, "usually", 0, kMostUsd),
        number_key("high", &Uncertain::high, kRequired, "at most", 0, kMostUsd),
    };
    const auto read = read_table<Uncertain>(value, keys, range);
    if (!read) return error(read);
    return checked(value, range);
  }
  const auto number = read_number(value, 0, kMostUsd);
  if (!number) return error(number);
  return Uncertain{*number, *number, *number};
}

Result<Bytes> read_size(const TomlValue& value) {
  const auto text = unit_text(value, "a size with its unit, like \"64GiB\"");
  if (!text) return error(text);
  const auto size = parse_bytes(*text);
  if (!size) return at(value, size.error());
  if (size->count() == 0 || size->count() > kMostBytes) return value.wrong("must be a size from 1B to 1048576TiB");
  return *size;
}

Result<double> read_rate(const TomlValue& value) {
  const auto text = unit_text(value, "a rate with its unit, like \"25Gbps\"");
  if (!text) return error(text);
  const auto rate = parse_rate(*text);
  if (!rate) return at(value, rate.error());
  if (!(*rate >= 1 && *rate <= kMostRate)) return value.wrong("must be a rate from 1B/s to 1000TB/s");
  return *rate;
}

std::vector<TomlKey<GpuPrice>> gpu_price_keys() {
  return entry_keys<GpuPrice>(
      "as `kvbench list gpus` calls it",
      {range_key("usd_per_hour", &GpuPrice::usd_per_hour, kRequired, "on demand"),
       range_key("committed_usd_per_hour", &GpuPrice::committed_usd_per_hour, "none", "for a year, used or not")});
}

std::vector<TomlKey<NodePrice>> node_price_keys() {
  return entry_keys<NodePrice>(
      "the provider's own",
      {member_key("service", &NodePrice::service, kRequired,
                  "\"managed\" or \"self-managed\": who runs the store on it",
                  choice("managed", NodeService::managed, "self-managed", NodeService::self_managed)),
       size_key("memory", &NodePrice::memory, kRequired, "of the machine"), share_key<NodePrice>(),
       range_key("usd_per_hour", &NodePrice::usd_per_hour, kRequired, "on demand"),
       rate_key("nic", &NodePrice::nic_bytes_per_s, kRequired, "baseline, which lasts"),
       rate_key("nic_burst", &NodePrice::nic_burst_bytes_per_s, "none", "told, but never planned with"),
       rate_key("nic_per_flow", &NodePrice::nic_bytes_per_s_per_flow, "no cap", "of one connection"),
       number_key("vcpus", &NodePrice::vcpus, kRequired, "of the machine", 1, 4096)});
}

std::vector<TomlKey<ServerlessPrice>> serverless_price_keys() {
  return entry_keys<ServerlessPrice>(
      "as you like",
      {range_key("usd_per_gb_hour", &ServerlessPrice::usd_per_gb_hour, kRequired, "of what is kept"),
       range_key("usd_per_million_ecpu", &ServerlessPrice::usd_per_million_ecpu, kRequired, "of requests and bytes"),
       size_key("bytes_per_ecpu", &ServerlessPrice::bytes_per_ecpu, "1KiB", "one ECPU for each, and for a request"),
       size_key("minimum", &ServerlessPrice::minimum, "0", "billed even if less is kept")});
}

std::vector<TomlKey<ServerPrice>> server_price_keys() {
  return entry_keys<ServerPrice>(
      "as you like",
      {size_key("memory", &ServerPrice::memory, kRequired, "of the machine"), share_key<ServerPrice>(),
       range_key("purchase_usd", &ServerPrice::purchase_usd, kRequired,
                 "of the machine, its share of switches included"),
       number_key("amortisation_months", &ServerPrice::amortisation_months, "36", "over which it is written off", 1,
                  240),
       number_key("watts", &ServerPrice::watts, kRequired, "that it draws at work", 0, 100'000),
       number_key("pue", &ServerPrice::pue, "1", "watts of the building for each of the machine", 1, 10),
       number_key("usd_per_kwh", &ServerPrice::usd_per_kwh, kRequired, "of power", 0, 100),
       number_key("colocation_usd_per_month", &ServerPrice::colocation_usd_per_month, "0", "of its place", 0, 1e6),
       rate_key("nic", &ServerPrice::nic_bytes_per_s, kRequired, "which lasts"),
       number_key("vcpus", &ServerPrice::vcpus, kRequired, "of the machine", 1, 4096)});
}

std::vector<TomlKey<LocalPrice>> local_price_keys() {
  return entry_keys<LocalPrice>(
      "as you like",
      {member_key("kind", &LocalPrice::kind, kRequired, "\"host-memory\" or \"nvme\"",
                  choice("host-memory", LocalKind::host_memory, "nvme", LocalKind::nvme)),
       size_key("capacity_per_gpu", &LocalPrice::capacity_per_gpu, kRequired, "that is idle"),
       rate_key("read_per_gpu", &LocalPrice::bytes_per_s_per_gpu, kRequired, "into the GPU's memory"),
       range_key("usd_per_gb_hour", &LocalPrice::usd_per_gb_hour, "0", "what other work would pay for it")});
}

std::vector<TomlKey<PlatformPrice>> platform_price_keys() {
  return entry_keys<PlatformPrice>(
      "as you like", {range_key("usd_per_month", &PlatformPrice::usd_per_month, kRequired, "licence, support, all")});
}

std::vector<TomlKey<EffortPrice>> effort_price_keys() {
  return entry_keys<EffortPrice>("of an option, or \"integration\"",
                                 {range_key("hours", &EffortPrice::hours, kRequired, "of work, once")});
}

std::vector<TomlKey<CommonPrices>> common_price_keys() {
  std::vector<TomlKey<CommonPrices>> keys{
      range_key("cross_zone_usd_per_gb", &CommonPrices::cross_zone_usd_per_gb, kRequired,
                "of what leaves a zone for another"),
      range_key("effort_usd_per_hour", &CommonPrices::effort_usd_per_hour, kRequired, "of an engineer's work")};
  add_source_keys(keys);
  return keys;
}

}  // namespace kv
