#pragma once
#include <fmt/format.h>

#include <chrono>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/parse.hpp"
#include "base/result.hpp"
#include "base/uncertain.hpp"
#include "base/units.hpp"

namespace kv {

/// Dollars are doubles with `usd` in their name, as seconds and rates are in the house: a plan multiplies and divides
/// them by hours, bytes and shares at every step, where a strong type would be cast away and back, and an estimate has
/// no cents to lose. GB is 10^9 bytes. Every figure of a file is finite and not negative.

/// One GPU for an hour, whoever the provider is.
struct GpuPrice {
  std::string name, source;
  bool verified = true;  ///< false: from memory or assumed; the output says so
  Uncertain usd_per_hour;
  std::optional<Uncertain> committed_usd_per_hour;  ///< paid whether used or not; nullopt: the file has none
};

enum class NodeService { managed, self_managed };

/// A machine with memory that is rented by the hour.
struct NodePrice {
  std::string name, source;
  bool verified = true;
  NodeService service = NodeService::self_managed;
  Bytes memory;
  double reserved_share = 0;  ///< of memory, that the provider or the operating system keeps
  Uncertain usd_per_hour;
  double nic_bytes_per_s = 0;                      ///< baseline, which lasts
  std::optional<double> nic_burst_bytes_per_s;     ///< for minutes; a plan never counts on it
  std::optional<double> nic_bytes_per_s_per_flow;  ///< of one connection; nullopt: no cap known
  double vcpus = 0;

  double usable_bytes() const { return static_cast<double>(memory.count()) * (1 - reserved_share); }
};

/// A store that bills what is kept and what is moved. An ECPU is billed for every request and every `bytes_per_ecpu`
/// of it, whichever is more.
struct ServerlessPrice {
  std::string name, source;
  bool verified = true;
  Uncertain usd_per_gb_hour, usd_per_million_ecpu;
  Bytes bytes_per_ecpu{1024};
  Bytes minimum;  ///< billed even if less is kept
};

/// A machine of one's own with memory.
struct ServerPrice {
  std::string name, source;
  bool verified = true;
  Bytes memory;
  double reserved_share = 0;
  Uncertain purchase_usd;
  double amortisation_months = 36;
  double watts = 0;
  double pue = 1;  ///< watts of the building for each of the machine
  double usd_per_kwh = 0, colocation_usd_per_month = 0;
  double nic_bytes_per_s = 0;
  double vcpus = 0;

  double usable_bytes() const { return static_cast<double>(memory.count()) * (1 - reserved_share); }
};

enum class LocalKind { host_memory, nvme };

/// What the GPU machines have anyway and do not use.
struct LocalPrice {
  std::string name, source;
  bool verified = true;
  LocalKind kind = LocalKind::host_memory;
  Bytes capacity_per_gpu;
  double bytes_per_s_per_gpu = 0;  ///< read, into the GPU's memory
  Uncertain usd_per_gb_hour;       ///< 0: idle, and paid for already
};

/// A platform that a vendor sells as a whole.
struct PlatformPrice {
  std::string name, source;
  bool verified = true;
  Uncertain usd_per_month;
};

/// Working hours that an option takes once.
struct EffortPrice {
  std::string name, source;  ///< name: of the option; "integration": all of it, whatever the option
  bool verified = true;
  Uncertain hours;
};

/// What is not bought by the piece.
struct CommonPrices {
  std::string source;
  bool verified = true;
  Uncertain cross_zone_usd_per_gb;  ///< of bytes that leave a zone for another
  Uncertain effort_usd_per_hour;
};

/// Prices of one day. Immutable once read.
struct PriceFile {
  std::string name;  ///< as messages call the file
  std::chrono::sys_days date;
  CommonPrices common;
  std::vector<GpuPrice> gpus;
  std::vector<NodePrice> nodes;
  std::vector<ServerlessPrice> serverless;
  std::vector<ServerPrice> servers;
  std::vector<LocalPrice> locals;
  std::vector<PlatformPrice> platforms;
  std::vector<EffortPrice> efforts;
};

/// The prices in a TOML text of at most 1 MiB; default_price_text() shows every key. Errors (bad_input) name
/// `name`:line and the key: an unknown one (with the nearest), an unknown unit, what is negative, not finite or beyond
/// its bounds, a range that falls, two entries of one name, a missing date or source.
Result<PriceFile> parse_prices(std::string_view text, const std::string& name);
/// The same of a file.
Result<PriceFile> read_prices(const std::string& path);

/// The file that is compiled in (lib/price/default_prices.toml), for users to begin with, and what it says.
std::string_view default_price_text();
Result<PriceFile> default_prices();

/// One key that a file may have, as help shows it.
struct PriceKeyRow {
  std::string table, key, preset, summary;
};
std::vector<PriceKeyRow> price_keys();

inline constexpr std::chrono::days kPricesAge{180};
std::string format_date(std::chrono::sys_days date);  ///< "2026-05-20"
/// A sentence if the prices are older than kPricesAge, or of a day to come. `today` is the caller's, so that plans can
/// be made again.
std::optional<std::string> price_date_warning(const PriceFile& prices, std::chrono::sys_days today);

/// The entry of that name (case as written). An unknown one suggests the nearest; `what` calls the kind: "GPU".
template <class Entry>
Result<const Entry*> find_price(const PriceFile& prices, const std::vector<Entry>& entries, std::string_view name,
                                std::string_view what) {
  std::vector<std::string> names;
  for (const Entry& entry : entries) {
    if (entry.name == name) return &entry;
    names.push_back(entry.name);
  }
  const auto close = nearest(name, names);
  return error(Code::bad_input, fmt::format("{}: no price of the {} {}", prices.name, what, quote(name)),
               (close ? fmt::format("did you mean {}? ", *close) : std::string()) +
                   fmt::format("it has {}; others: add them to a file of your own", fmt::join(names, ", ")));
}

}  // namespace kv
