#include <fmt/format.h>

#include <algorithm>

#include "report/plan_view.hpp"

namespace kv {
namespace {

/// Texts of one section of the document.
class Section {
 public:
  Section(const Json& document, const char* name) : at_(find(document, name)) {
    if (at_ != nullptr && !at_->is_object()) at_ = nullptr;
  }
  explicit operator bool() const { return at_ != nullptr; }

  bool known(const char* path) const { return number(path).has_value(); }
  std::optional<double> number(const char* path) const { return at_ == nullptr ? std::nullopt : number_at(*at_, path); }
  std::string text(const char* path) const { return at_ == nullptr ? std::string() : text_at(*at_, path); }
  std::string in(Unit unit, const char* path) const {
    return figure_text(at_ == nullptr ? nullptr : find(*at_, path), unit);
  }
  std::string count(const char* path) const { return in(Unit::count, path); }
  std::string bytes(const char* path) const { return in(Unit::bytes, path); }
  std::string ratio(const char* path) const { return in(Unit::ratio, path); }
  std::string time(const char* path) const { return in(Unit::nanoseconds, path); }
  std::string rate(const char* path) const { return in(Unit::bytes_per_s, path); }
  std::string usd(const char* path) const { return dollars_text(number(path)); }

 private:
  const Json* at_;
};

std::string demand_text(const Json& document) {
  const Section d(document, "demand");
  if (!d) return {};
  const std::string path = text_at(document, "workload.path");
  std::string out = fmt::format("{}: {} requests in {} ({}), {} + {} tokens each", path.empty() ? "as summed up" : path,
                                d.count("requests"), d.in(Unit::seconds, "span_s"), d.in(Unit::per_s, "requests_per_s"),
                                d.in(Unit::amount, "mean_input_tokens"), d.in(Unit::amount, "mean_output_tokens"));
  if (d.known("peak_to_mean")) out += fmt::format("; busiest time {}", d.in(Unit::factor, "peak_to_mean"));
  out += fmt::format("; at most {} of the tokens can be found", d.ratio("ceiling_token_hit_rate"));
  if (!d.known("median_reuse_interval_s")) return out;
  return out + fmt::format(", half of the reuses come within {}", d.in(Unit::seconds, "median_reuse_interval_s"));
}

std::string engine_text(const Json& document) {
  const Section e(document, "engine");
  if (!e) return {};
  return fmt::format("{} ({}) on {} of {} {}: {} instances of {}, {} of KV in each, {} routing; prefill: {}",
                     e.text("model"), e.text("weight_dtype"), e.count("gpus"), e.count("fleet_gpus"), e.text("gpu"),
                     e.count("instances"), e.count("gpus_per_instance"), e.bytes("engine_cache_bytes"),
                     e.text("routing"), e.text("prefill_device"));
}

std::string size_text(const Json& document) {
  const Section s(document, "size");
  if (!s) return {};
  std::string out = fmt::format("{}: {} tokens x {} bytes = {}, stored {} in {} values, {} of memory", s.text("kind"),
                                s.count("tokens"), s.count("bytes_per_token"), s.bytes("payload_bytes"),
                                s.bytes("stored_bytes"), s.count("values"), s.bytes("memory_bytes"));
  if (s.number("kept_share").value_or(1) < 1) out += fmt::format(", room for {} of it", s.ratio("kept_share"));
  return out +
         fmt::format("; finds {} of the tokens, the engines alone {}, both {}; reads {}, writes {} at the busiest time",
                     s.ratio("token_hit_rate"), s.ratio("baseline_hit_rate"), s.ratio("total_hit_rate"),
                     s.rate("read_bytes_per_s"), s.rate("written_bytes_per_s"));
}

std::string needs_text(const Json& document) {
  std::string out;
  for (const Json& need : list_at(document, "nodes.needs")) {
    const auto nodes = number_at(need, "nodes");
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", text_at(need, "constraint"),
                       nodes ? figure_text(nodes, Unit::count) : "more than there can be");
  }
  return out;
}

std::string nodes_text(const Json& document) {
  const Section n(document, "nodes");
  if (!n) return {};
  std::string out = fmt::format(
      "{} {} ({} primaries, {} replicas): {} binds ({}); used by the hottest shard: memory {}, bandwidth {}",
      n.count("machines"), n.text("on"), n.count("primaries"), n.count("replicas"), n.text("binding"),
      needs_text(document), n.ratio("memory_used"), n.ratio("bandwidth_used"));
  if (n.number("operations_used").value_or(0) > 0) out += ", operations " + n.ratio("operations_used");
  if (!n.known("with_replica.machines") || !n.known("without_replica.machines")) return out;
  out += fmt::format("; without a replica {} for {} a month, with one {} for {}", n.count("without_replica.machines"),
                     n.usd("without_replica.usd_per_month"), n.count("with_replica.machines"),
                     n.usd("with_replica.usd_per_month"));
  if (n.known("without_replica.rewarm_gpu_s_per_month")) {
    out += fmt::format("; lost machines cost {} of GPU time a month without",
                       n.in(Unit::seconds, "without_replica.rewarm_gpu_s_per_month"));
  }
  return out;
}

std::string latency_text(const Json& document) {
  const Section l(document, "latency");
  if (!l || !l.known("without.ttft_ns.mean")) return {};
  std::string out =
      fmt::format("TTFT, simulated: mean {} without, {} with ({}); P95 {}, {} ({})", l.time("without.ttft_ns.mean"),
                  l.time("with.ttft_ns.mean"), l.in(Unit::factor, "ratio_of_means"), l.time("without.ttft_ns.p95"),
                  l.time("with.ttft_ns.p95"), l.in(Unit::factor, "ratio_of_p95"));
  const bool first = l.known("slo_ttft_ns");
  if (!first && !l.known("slo_total_ns")) return out;
  out += fmt::format("; {} are to {} within {}: {} do, {} with", l.ratio("slo_share"), first ? "begin" : "end",
                     l.time(first ? "slo_ttft_ns" : "slo_total_ns"), l.ratio("without.slo_share"),
                     l.ratio("with.slo_share"));
  if (l.known("with_fewer.ttft_ns.mean")) {
    out += fmt::format("; with it on the {} GPUs that are left: mean {}, P95 {}, {} within", l.count("with_fewer.gpus"),
                       l.time("with_fewer.ttft_ns.mean"), l.time("with_fewer.ttft_ns.p95"),
                       l.ratio("with_fewer.slo_share"));
  }
  out += fmt::format("; could any instance serve any request, {} GPUs would do, {} with",
                     l.count("without.smallest_gpus"), l.count("with.smallest_gpus"));
  return out;
}

/// What the options' table does not have.
std::string return_text(const Json& document) {
  const Section r(document, "roi");
  if (!r) return {};
  std::string out = fmt::format("{} a month saved; the same GPUs could serve {} the traffic",
                                r.usd("monthly_saving_usd"), r.in(Unit::factor, "throughput_gain"));
  for (const Json& option : list_at(document, "cost.options")) {
    if (!flag_at(option, "chosen") || !number_at(option, "usd_per_million_tokens_without")) continue;
    out += fmt::format("; a million tokens cost {} without, {} with",
                       dollars_text(number_at(option, "usd_per_million_tokens_without")),
                       dollars_text(number_at(option, "usd_per_million_tokens_with")));
  }
  return out;
}

/// With the routing that the fleet has.
std::string places_text(const Json& document) {
  const std::string routing = text_at(document, "engine.routing");
  std::string out;
  for (const Json& row : list_at(document, "where")) {
    if (text_at(row, "routing") != routing) continue;
    out += fmt::format("{}{} {}", out.empty() ? routing + " routing finds: " : ", ", text_at(row, "kept"),
                       figure_text(find(row, "hit_rate"), Unit::ratio));
    if (number_at(row, "crossing_rate").value_or(0) > 0) {
      out += fmt::format(" ({} from other instances)", figure_text(find(row, "crossing_rate"), Unit::ratio));
    }
  }
  return out;
}

}  // namespace

std::vector<PlanLine> plan_facts(const Json& document) {
  std::vector<PlanLine> out{{"demand", demand_text(document)},   {"engines", engine_text(document)},
                            {"size", size_text(document)},       {"nodes", nodes_text(document)},
                            {"latency", latency_text(document)}, {"return", return_text(document)},
                            {"where", places_text(document)}};
  std::erase_if(out, [](const PlanLine& line) { return line.text.empty(); });
  return out;
}

}  // namespace kv
