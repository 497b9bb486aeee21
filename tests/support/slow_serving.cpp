#include "support/slow_serving.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <list>

namespace kv::test {
namespace {

constexpr double kNever = std::numeric_limits<double>::infinity();

bool used_up(double left, double of) { return std::isfinite(of) && left <= 1e-9 * of; }

struct Job {
  std::size_t index = 0;
  double arrival = 0, bytes_left = 0, rate = 0, flows_from = 0, fetch_began = 0, fetched_at = 0, began = -1, first = 0;
  double prefix = 0, fresh = 0, done = 0, output = 0, given = 0, piece = 0, store = 0;
  bool fetches = false;
  double kv() const { return prefix + fresh + output; }
};

struct Engine {
  std::list<Job*> fetching, waiting, running;  // running: first those that compute, in order of admission
  double step_ends = kNever, held_until = 0;
  bool stepping = false;  // else what ends is a rest
  std::size_t requests() const { return fetching.size() + waiting.size() + running.size(); }
};

class Slow {
 public:
  Slow(const ServingOptions& options, const Prefill& prefill, const std::vector<ServingRequest>& requests)
      : o_(options), prefill_(prefill), requests_(requests), engines_(options.instances), served_(requests.size()) {
    slots_ = std::min<double>(o_.slots, static_cast<double>(o_.token_budget.count()));
    for (ServedRequest& s : served_) s.instance = UINT32_MAX;
    for (const ServingRequest& r : requests_) {
      jobs_.push_back({});
      Job& job = jobs_.back();
      job.index = jobs_.size() - 1;
      job.arrival = seconds(r.at - requests_.front().at);
      job.prefix = static_cast<double>(std::min(r.cached.count() + r.fetched.count(), r.input.count() - 1));
      job.fresh = static_cast<double>(r.input.count()) - job.prefix;
      job.output = static_cast<double>(r.output.count());
      job.store = seconds(r.store);
      job.fetches = r.fetched.count() > 0;
      job.bytes_left = static_cast<double>(r.fetched_bytes.count());
    }
  }

  std::vector<ServedRequest> run() {
    for (auto next = jobs_.begin();;) {
      const double arrival = next == jobs_.end() ? kNever : next->arrival;
      double step = kNever;
      for (const Engine& e : engines_) step = std::min(step, e.step_ends);
      const double fetch = next_fetch();
      const double now = std::min({arrival, step, fetch});
      if (now == kNever) return served_;
      move_fetches(now);
      if (arrival == now) {
        arrive(*next++);
      } else if (fetch == now) {
        end_fetches();
      } else {
        std::vector<Engine*> over;
        for (Engine& e : engines_) {
          if (e.step_ends == now) over.push_back(&e);
        }
        for (Engine* const e : over) end_step(*e);
        let_in();
        for (Engine* const e : over) begin_step(*e);
      }
    }
  }

 private:
  void arrive(Job& job) {
    if (o_.kv_tokens && job.kv() > static_cast<double>(o_.kv_tokens->count())) return;
    const ServingRequest& r = requests_[job.index];
    if (r.instance) return enter(job, *r.instance);
    if (o_.routing == ServingRouting::shared_queue) {
      line_.push_back(&job);
      return let_in();
    }
    if (o_.routing == ServingRouting::round_robin) return enter(job, turn_++ % engines_.size());
    enter(job, emptiest());
  }
  std::size_t emptiest() const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < engines_.size(); ++i) {
      if (engines_[i].requests() < engines_[best].requests()) best = i;
    }
    return best;
  }
  void let_in() {
    while (!line_.empty() && static_cast<double>(engines_[emptiest()].requests()) < slots_) {
      Job* const job = line_.front();
      line_.pop_front();
      enter(*job, emptiest());
    }
  }
  void enter(Job& job, std::size_t instance) {
    served_[job.index].instance = static_cast<std::uint32_t>(instance);
    Engine& e = engines_[instance];
    if (!job.fetches) return wait(e, job);
    job.fetch_began = now_;
    job.flows_from = now_ + seconds(o_.links.latency);
    e.fetching.push_back(&job);
  }
  void wait(Engine& e, Job& job) {
    e.waiting.push_back(&job);
    // An idle engine's "step" takes no time, so that whoever comes now is there when it ends.
    if (e.step_ends == kNever) e.step_ends = std::max(now_, e.held_until);
  }

  // Fetches: everybody's rate is raised together until something is full, for whoever it is full (progressive filling).
  void set_rates() {
    std::vector<Job*> rising;
    for (Engine& e : engines_) {
      for (Job* const job : e.fetching) {
        job->rate = 0;
        if (job->flows_from <= now_) rising.push_back(job);
      }
    }
    double server_left = o_.links.server_bytes_per_s, level = 0;
    while (!rising.empty()) {
      double step = std::min(server_left / static_cast<double>(rising.size()), o_.links.flow_bytes_per_s - level);
      for (const Engine& e : engines_) step = std::min(step, instance_step(e, rising));
      step = std::min(step, 1e30);
      level += step;
      server_left -= step * static_cast<double>(rising.size());
      for (Job* const job : rising) job->rate = level;
      const bool server_full = used_up(server_left, o_.links.server_bytes_per_s);
      std::vector<Job*> still;
      for (Job* const job : rising) {
        const Engine& e = engines_[served_[job->index].instance];
        const bool full = level >= o_.links.flow_bytes_per_s * (1 - 1e-12) || step >= 1e30 ||
                          used_up(instance_left(e), o_.links.instance_bytes_per_s);
        if (!full && !server_full) still.push_back(job);
      }
      rising = still;
    }
  }
  double instance_left(const Engine& e) const {
    double left = o_.links.instance_bytes_per_s;
    for (const Job* const job : e.fetching) left -= job->rate;
    return left;
  }
  double instance_step(const Engine& e, const std::vector<Job*>& rising) const {
    double count = 0;
    for (const Job* const job : e.fetching) count += std::find(rising.begin(), rising.end(), job) != rising.end();
    return count == 0 ? kNever : instance_left(e) / count;
  }
  double next_fetch() {
    set_rates();
    double next = kNever;
    for (const Engine& e : engines_) {
      for (const Job* const job : e.fetching) {
        next = std::min(next, job->rate > 0 ? now_ + job->bytes_left / job->rate : job->flows_from);
      }
    }
    return std::max(next, now_);
  }
  void move_fetches(double now) {
    for (Engine& e : engines_) {
      for (Job* const job : e.fetching) {
        if (job->rate == 0) continue;
        const bool ends = now_ + job->bytes_left / job->rate <= now;
        job->bytes_left = ends ? 0 : job->bytes_left - job->rate * (now - now_);
      }
    }
    now_ = now;
  }
  void end_fetches() {
    for (Engine& e : engines_) {
      for (auto at = e.fetching.begin(); at != e.fetching.end();) {
        Job* const job = *at;
        if (job->flows_from > now_ || job->rate == 0 || job->bytes_left > 0) {
          ++at;
          continue;
        }
        at = e.fetching.erase(at);
        job->fetched_at = now_;
        served_[job->index].fetch = from_seconds(now_ - job->fetch_began);
        wait(e, *job);
      }
    }
  }

  void end_step(Engine& e) {
    e.held_until = now_;
    if (e.stepping) end_tokens(e);
    e.stepping = false;
    e.step_ends = e.held_until;
  }
  void end_tokens(Engine& e) {
    for (auto at = e.running.begin(); at != e.running.end();) {
      Job& job = **at;
      if (job.done < job.fresh) {
        job.done += job.piece;
        if (job.piece > 0 && job.done == job.fresh) {
          job.first = now_;
          job.given = 1;
          e.held_until += job.store;
        }
      } else {
        job.given += 1;
      }
      job.piece = 0;
      const bool over = job.done == job.fresh && job.given >= job.output;
      if (over) record(job);
      at = over ? e.running.erase(at) : std::next(at);
    }
  }
  void begin_step(Engine& e) {
    if (e.held_until > now_) return;
    while (!e.waiting.empty() && static_cast<double>(e.running.size()) < slots_ && fits(e, *e.waiting.front())) {
      e.running.push_back(e.waiting.front());
      e.waiting.pop_front();
    }
    e.step_ends = kNever;
    if (e.running.empty()) return;
    e.stepping = true;
    double budget = static_cast<double>(o_.token_budget.count()), decoding = 0, context = 0, fresh = 0, pairs = 0;
    for (const Job* const job : e.running) {
      if (job->done < job->fresh) continue;
      ++decoding;
      context += job->prefix + job->fresh + job->given;
    }
    budget -= decoding;
    for (Job* const job : e.running) {
      if (job->done == job->fresh || budget == 0) continue;
      if (job->began < 0) job->began = now_;
      job->piece = std::min(budget, job->fresh - job->done);
      budget -= job->piece;
      for (double t = 0; t < job->piece; ++t) pairs += job->prefix + job->done + t + 0.5;
      fresh += job->piece;
    }
    double took = decoding > 0 ? o_.decode.batch_s[static_cast<std::size_t>(decoding) - 1] : 0;
    if (fresh > 0) {
      const double all = fresh + decoding, cached = std::max(0.0, std::round(pairs / all - all / 2));
      took = std::max(took, seconds(prefill_.cost(Tokens(static_cast<std::uint64_t>(cached)),
                                                  Tokens(static_cast<std::uint64_t>(all)))));
    }
    e.step_ends = now_ + took + decoding * o_.decode.sequence_s + context * o_.decode.context_token_s;
  }
  bool fits(const Engine& e, const Job& next) const {
    if (!o_.kv_tokens) return true;
    double held = next.kv();
    for (const Job* const job : e.running) held += job->kv();
    return held <= static_cast<double>(o_.kv_tokens->count());
  }
  void record(const Job& job) {
    ServedRequest& s = served_[job.index];
    s.index = job.index;
    s.queue = from_seconds(job.began - job.arrival) - s.fetch;
    s.ttft = from_seconds(job.first - job.arrival);
    s.total = from_seconds(now_ - job.arrival);
  }

  const ServingOptions& o_;
  const Prefill& prefill_;
  const std::vector<ServingRequest>& requests_;
  std::list<Job> jobs_;
  std::vector<Engine> engines_;
  std::vector<ServedRequest> served_;
  std::list<Job*> line_;
  double now_ = 0, slots_ = 0;
  std::size_t turn_ = 0;
};

}  // namespace

std::vector<ServedRequest> slow_serving(const ServingOptions& options, const Prefill& prefill,
                                        const std::vector<ServingRequest>& requests) {
  return Slow(options, prefill, requests).run();
}

}  // namespace kv::test
