// The order of events: sessions begin, send, wait and send again.
#include <algorithm>
#include <deque>
#include <queue>

#include "profile/composed.hpp"

namespace kv {
namespace {

// Each stream of random numbers has its own seed, so that a change to one part of a profile leaves the others alone.
enum : std::uint64_t { kArrivalStream = 1, kChoiceStream, kTextStream, kSessionStream };
std::uint64_t stream(std::uint64_t seed, std::uint64_t kind, std::uint64_t index) {
  return mix64(mix64(seed, kind), index);
}

Duration whole_ms(Duration time) { return std::chrono::floor<std::chrono::milliseconds>(time); }

class Run {
 public:
  Run(const ComposedProfile& profile, const GenerateOptions& options, const RequestSink& sink)
      : profile_(profile), sink_(sink), seed_(options.seed) {
    limit_ = options.requests ? options.requests : profile.requests;
    for (std::size_t i = 0; i < profile.traffic.size(); ++i) {
      runs_.push_back({profile.limits, ids_, stream(seed_, kTextStream, i),
                       std::vector<BlockId>(profile.traffic[i].texts(), Prompt::kUnnamed)});
    }
    sessions_of_.resize(profile.traffic.size());
    for (std::size_t i = 0; i < profile.sources.size(); ++i) {
      sources_.push_back({ArrivalTimes(profile.sources[i].arrivals, stream(seed_, kArrivalStream, i)),
                          Random(stream(seed_, kChoiceStream, i))});
      advance(sources_.back());
    }
  }

  Result<GeneratedCounts> all() {
    for (;;) {
      if (limit_ && counts_.requests >= *limit_) break;
      const std::size_t first = next_source();
      const bool begins = waiting_.empty() || from_seconds(sources_[first].next_s) <= waiting_.top().at;
      const double at_s = begins ? sources_[first].next_s : seconds(waiting_.top().at);
      if (profile_.duration_s && at_s > *profile_.duration_s) break;
      if (at_s > kMostSeconds) return too_long();
      const auto more = begins ? begin(first) : go_on();
      if (!more) return error(more);
      if (!*more) break;
    }
    counts_.unique_blocks = ids_.taken();
    return counts_;
  }

 private:
  struct Source {
    ArrivalTimes times;
    Random choice;
    double next_s = 0;
  };
  struct Waiting {
    Duration at;
    std::uint64_t session;  // breaks ties: the older one first
    std::uint32_t slot;
    bool operator<(const Waiting& other) const { return at != other.at ? at > other.at : session > other.session; }
  };

  /// Beyond kMostSeconds it does not matter how far: a Duration holds three times as much.
  static void advance(Source& source) {
    source.next_s = std::max(source.next_s, std::min(source.times.next(), 2 * kMostSeconds));
  }

  std::size_t next_source() const {
    const auto sooner = [](const Source& a, const Source& b) { return a.next_s < b.next_s; };
    return static_cast<std::size_t>(std::min_element(sources_.begin(), sources_.end(), sooner) - sources_.begin());
  }

  Result<bool> begin(std::size_t index) {
    Source& source = sources_[index];
    const Choice& components = profile_.sources[index].components;
    const std::uint32_t component = components[components.draw(source.choice)];
    const Duration at = from_seconds(source.next_s);
    advance(source);

    if (waiting_.size() >= kMostSessionsAtOnce) return too_many();
    const std::uint32_t slot = free_slot();
    Session& session = slots_[slot];
    session.random = Random(stream(seed_, mix64(kSessionStream, component), sessions_of_[component]++));
    session.number = ++counts_.sessions;
    session.component = component;
    session.left = 1;
    session.delay = std::nullopt;
    const Traffic& traffic = profile_.traffic[component];
    session.set = 0;
    if (!traffic.tenants.empty()) {
      const std::size_t position = traffic.tenants.draw(session.random);
      session.tenant = traffic.tenants[position];
      if (traffic.own_texts) session.set = static_cast<std::uint32_t>(position);
    }
    traffic.component->begin(session, runs_[component]);
    runs_held_ += session.prompt.runs();
    return send(slot, at);
  }

  Result<bool> go_on() {
    const Waiting next = waiting_.top();
    waiting_.pop();
    return send(next.slot, next.at);
  }

  Result<bool> send(std::uint32_t slot, Duration at) {
    Session& session = slots_[slot];
    const std::size_t runs_before = session.prompt.runs();
    step_.next_s = step_.delay_s = std::nullopt;
    profile_.traffic[session.component].component->send(session, runs_[session.component], step_);
    runs_held_ += session.prompt.runs() - runs_before;
    if (runs_held_ > kMostRunsAtOnce) return too_many();
    const auto more = hand_out(session, at);
    if (step_.next_s) {
      session.delay = step_.delay_s ? std::optional(whole_ms(from_seconds(*step_.delay_s))) : std::nullopt;
      waiting_.push({at + from_seconds(std::min(*step_.next_s, kMostSeconds)), session.number, slot});
      counts_.most_sessions_at_once = std::max<std::uint64_t>(counts_.most_sessions_at_once, waiting_.size());
    } else {
      runs_held_ -= session.prompt.runs();
      session.prompt.clear();
      free_.push_back(slot);
    }
    return more;
  }

  Result<bool> hand_out(const Session& session, Duration at) {
    const Traffic& traffic = profile_.traffic[session.component];
    TraceLine line{.line = ++counts_.requests,
                   .at = whole_ms(at),
                   .input = Tokens(step_.input),
                   .output = Tokens(step_.output),
                   .ids = step_.ids,
                   .origin = {}};
    const fmt::format_int number(session.number);
    const Component::Bond bond = traffic.component->bond();
    if (bond == Component::Bond::session) line.origin.session = {number.data(), number.size()};
    if (bond == Component::Bond::group) line.origin.group = {number.data(), number.size()};
    line.origin.delay = session.delay;
    if (!profile_.tenants.empty()) line.origin.tenant = profile_.tenants[session.tenant].name;
    line.origin.type = traffic.name;
    counts_.span = line.at;
    return sink_(line);
  }

  std::uint32_t free_slot() {
    if (free_.empty()) {
      slots_.emplace_back();
      return static_cast<std::uint32_t>(slots_.size() - 1);
    }
    const std::uint32_t slot = free_.back();
    free_.pop_back();
    return slot;
  }

  tl::unexpected<Error> too_many() const {
    return error(
        Code::bad_input,
        fmt::format("after {} requests {} sessions wait for their next turn, with histories of {} pieces: more "
                    "than memory is meant for",
                    counts_.requests, waiting_.size(), runs_held_),
        "lower the rate of arrivals, the turns or the pauses between them");
  }
  tl::unexpected<Error> too_long() const {
    return error(Code::bad_input,
                 fmt::format("the workload takes more than 100 years; it has {} requests by then", counts_.requests),
                 "raise the rate of arrivals, or ask for fewer requests");
  }

  const ComposedProfile& profile_;
  const RequestSink& sink_;
  std::uint64_t seed_;
  std::optional<std::uint64_t> limit_;
  IdCounter ids_;
  std::vector<ComponentRun> runs_;  // one a component
  std::vector<std::uint64_t> sessions_of_;
  std::vector<Source> sources_;
  std::deque<Session> slots_;
  std::vector<std::uint32_t> free_;
  std::priority_queue<Waiting> waiting_;
  std::size_t runs_held_ = 0;  // by all prompts
  Step step_;
  GeneratedCounts counts_;
};

}  // namespace

Result<GeneratedCounts> run_composed(const ComposedProfile& profile, const GenerateOptions& options,
                                     const RequestSink& sink) {
  return Run(profile, options, sink).all();
}

}  // namespace kv
