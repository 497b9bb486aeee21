#include "sim/fetch_network.hpp"

#include <functional>

namespace kv {
namespace {

/// Bytes over this rate take no time, and unlike infinity it can be multiplied by 0.
double finite(double rate) { return std::min(rate, 1e30); }

}  // namespace

FetchNetwork::FetchNetwork(std::uint32_t instances, const FetchLinks& links)
    : latency_s_(seconds(links.latency)),
      instance_rate_(finite(links.instance_bytes_per_s)),
      server_rate_(finite(links.server_bytes_per_s)),
      flow_rate_(finite(links.flow_bytes_per_s)),
      links_(instances) {}

void FetchNetwork::start(double now_s, std::uint32_t instance, std::uint32_t id, double bytes) {
  waiting_.push_back({now_s + latency_s_, instance, id, bytes});
}

void FetchNetwork::step(std::vector<Ended>& ended) {
  const double now = next_s();
  const bool ends = next_end_s_ <= now;
  move(now);
  if (ends) finish(next_link_, ended);
  while (!waiting_.empty() && waiting_.front().at_s <= now) {
    join(waiting_.front());
    waiting_.pop_front();
  }
  share();
}

void FetchNetwork::move(double now_s) {
  const double passed = now_s - now_s_;
  now_s_ = now_s;
  if (active_.empty()) return;
  busy_s_ += passed;
  for (const std::uint32_t i : active_) links_[i].served += links_[i].rate * passed;
}

void FetchNetwork::join(const Waiting& fetch) {
  Link& link = links_[fetch.instance];
  if (link.flows.empty()) {
    link.served = 0;
    active_.push_back(fetch.instance);
  }
  moved_bytes_ += fetch.bytes;
  link.flows.push_back({link.served + fetch.bytes, fetch.id});
  std::push_heap(link.flows.begin(), link.flows.end(), std::greater<>());
}

void FetchNetwork::finish(std::uint32_t instance, std::vector<Ended>& ended) {
  Link& link = links_[instance];
  link.served = std::max(link.served, link.flows.front().served_at_end);  // whatever rounding says
  while (!link.flows.empty() && link.flows.front().served_at_end <= link.served) {
    std::pop_heap(link.flows.begin(), link.flows.end(), std::greater<>());
    ended.push_back({instance, link.flows.back().id});
    link.flows.pop_back();
  }
  if (link.flows.empty()) active_.erase(std::find(active_.begin(), active_.end(), instance));
}

void FetchNetwork::share() {
  double wanted = 0;
  for (const std::uint32_t i : active_) {
    Link& link = links_[i];
    const auto flows = static_cast<double>(link.flows.size());
    link.limit_per_s = std::min(flow_rate_, instance_rate_ / flows);
    wanted += flows * link.limit_per_s;
  }
  const double fair = wanted <= server_rate_ ? kNever : fair_rate();
  next_end_s_ = kNever;
  for (const std::uint32_t i : active_) {
    Link& link = links_[i];
    link.rate = std::min(link.limit_per_s, fair);
    const double left = std::max(0.0, link.flows.front().served_at_end - link.served);
    const double end = now_s_ + left / link.rate;
    if (end < next_end_s_ || (end == next_end_s_ && i < next_link_)) {
      next_end_s_ = end;
      next_link_ = i;
    }
  }
}

/// Fills up from below: whoever wants less than an equal part of what is left gets what it wants, until none does.
double FetchNetwork::fair_rate() const {
  double fair = 0;
  for (std::size_t satisfied = 0;;) {
    double left = server_rate_, flows = 0;
    std::size_t below = 0;
    for (const std::uint32_t i : active_) {
      const Link& link = links_[i];
      const auto here = static_cast<double>(link.flows.size());
      if (link.limit_per_s <= fair) {
        left -= here * link.limit_per_s;
        ++below;
      } else {
        flows += here;
      }
    }
    if (flows == 0 || (fair > 0 && below == satisfied)) return fair;
    satisfied = below;
    fair = std::max(fair, left / flows);  // never falls, whatever rounding says: whoever was satisfied stays so
  }
}

}  // namespace kv
