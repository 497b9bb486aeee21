// A price file of any content: an error that names a place, or prices that are finite, not negative and in order.
#include <cmath>
#include <cstdint>
#include <cstdlib>

#include "price/price_file.hpp"

namespace {

using namespace kv;

void check(bool holds) {
  if (!holds) std::abort();
}

bool good(double figure) { return std::isfinite(figure) && figure >= 0; }
bool good(const Uncertain& range) {
  return good(range.low) && good(range.high) && range.low <= range.typical && range.typical <= range.high;
}

void check_prices(const PriceFile& prices) {
  check(good(prices.common.cross_zone_usd_per_gb) && good(prices.common.effort_usd_per_hour));
  check(format_date(prices.date).size() == 10);
  for (const GpuPrice& gpu : prices.gpus) {
    check(good(gpu.usd_per_hour) && good(gpu.committed_usd_per_hour.value_or(Uncertain{})));
    check(!gpu.name.empty() && !gpu.source.empty());
  }
  for (const NodePrice& node : prices.nodes) {
    check(node.usable_bytes() > 0 && good(node.usable_bytes()) && good(node.usd_per_hour));
    check(node.nic_bytes_per_s >= 1 && good(node.nic_bytes_per_s) && node.vcpus >= 1);
  }
  for (const ServerlessPrice& store : prices.serverless) {
    check(good(store.usd_per_gb_hour) && good(store.usd_per_million_ecpu) && store.bytes_per_ecpu > Bytes(0));
  }
  for (const ServerPrice& server : prices.servers) {
    check(server.usable_bytes() > 0 && good(server.purchase_usd) && server.amortisation_months >= 1);
    check(good(server.watts) && server.pue >= 1 && good(server.usd_per_kwh));
  }
  for (const LocalPrice& local : prices.locals) check(good(local.usd_per_gb_hour) && local.bytes_per_s_per_gpu >= 1);
  for (const PlatformPrice& platform : prices.platforms) check(good(platform.usd_per_month));
  for (const EffortPrice& effort : prices.efforts) check(good(effort.hours));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto prices = parse_prices({reinterpret_cast<const char*>(data), size}, "fuzz.toml");
  if (prices) {
    check_prices(*prices);
  } else {
    check(prices.error().code == Code::bad_input && !prices.error().message.empty());
    check(prices.error().message.size() < 2000);
  }
  return 0;
}
