#include "backend/resp/lane.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"

namespace kv::resp {
namespace {

using SteadyClock = std::chrono::steady_clock;

constexpr Duration kFirstDelay = std::chrono::milliseconds(50);
constexpr Duration kLongestDelay = std::chrono::seconds(2);

}  // namespace

void Common::refuse_renewal(std::string_view words) {
  const std::lock_guard lock(mutex);
  if (renews.exchange(false)) renewal_refusal = printable(words);
}

void Backoff::failed(TimePoint now) {
  delay_ = std::clamp(2 * delay_, kFirstDelay, kLongestDelay);
  until_ = now + delay_ / 2 + from_seconds(seconds(delay_) / 2 * random_.uniform());
}

Result<void> Lane::connect(TimePoint until) {
  if (connection_) return {};
  if (common_.endpoint.stopping()) return error(Code::interrupted, "not connected, and the run is to stop");
  const TimePoint now = SteadyClock::now();
  if (now < backoff_.until()) {
    return error(Code::unavailable, fmt::format("not connected: {}; next try in {}", last_trouble_,
                                                format_duration(backoff_.until() - now)));
  }
  Endpoint endpoint = common_.endpoint;
  if (until < now + endpoint.connect_timeout) endpoint.connect_timeout = std::max(until - now, Duration(0));
  auto opened = Connection::open(endpoint);
  if (!opened) {
    disconnect(opened.error());
    return error(opened);
  }
  connection_ = std::move(*opened);
  counted_in_ = counted_out_ = 0;
  return {};
}

void Lane::disconnect(const Error& why) {
  count_wire();
  connection_.reset();
  last_trouble_ = why.message;
  backoff_.failed(SteadyClock::now());
}

void Lane::batch_ended() {
  count_wire();
  backoff_.succeeded();
}

void Lane::count_wire() {
  if (!connection_) return;
  common_.wire_in.fetch_add(connection_->bytes_in() - counted_in_, std::memory_order_relaxed);
  common_.wire_out.fetch_add(connection_->bytes_out() - counted_out_, std::memory_order_relaxed);
  counted_in_ = connection_->bytes_in();
  counted_out_ = connection_->bytes_out();
}

}  // namespace kv::resp
