#include <cmath>

#include "report/break_even_document.hpp"
#include "report/field_rows.hpp"

namespace kv {
namespace {

using Row = BreakEvenRow;
using RowGet = std::function<Json(const Row&)>;

Json ns(Duration d) { return Json(d.count()); }
Json ns_of(double s) { return rounded(s * 1e9); }
Json tokens(const std::optional<Tokens>& value) { return value ? Json(value->count()) : Json(nullptr); }

/// Null for what takes no time: no figure of it is known or needed.
Json finite_rate(double bytes_per_s) { return rounded(bytes_per_s); }

Json needed(const std::optional<NeededBandwidth>& n, double NeededBandwidth::*rate) {
  return n ? rounded(*n.*rate) : Json(nullptr);
}

RowGet of_margin(double PrefillMargin::*end) {
  return [end](const Row& r) {
    const auto margin = r.question.engine.prefill->margin();
    return margin ? finite((*margin).*end) : Json(nullptr);
  };
}

RowGet of_gain(std::function<Json(const WorkloadGain&)> get) {
  return [get = std::move(get)](const Row& r) { return r.answer.gain ? get(*r.answer.gain) : Json(nullptr); };
}

Json share(std::uint64_t part, std::uint64_t whole) {
  return quotient(static_cast<double>(part), static_cast<double>(whole));
}

void add_engine(std::vector<BreakEvenField>& out) {
  out.push_back({"backend", Unit::text, "backend", "where KV is fetched from; null: no wire is known",
                 [](const Row& r) { return text_or_null(r.backend); }});
  out.push_back({"backend_source", Unit::text, "", "where latency and bandwidth come from",
                 [](const Row& r) { return text_or_null(r.backend_source); }});
  out.push_back({"model", Unit::text, "model", "whose KV it is", [](const Row& r) { return Json(r.model); }});
  out.push_back({"gpu", Unit::text, "GPU", "on which it is recomputed", [](const Row& r) { return Json(r.gpu); }});
  out.push_back(
      {"gpus", Unit::count, "", "of one engine: tp x pp", [](const Row& r) { return Json(r.question.engine.gpus()); }});
  out.push_back(
      {"tp", Unit::count, "", "tensor-parallel ranks", [](const Row& r) { return Json(r.question.engine.tp); }});
  out.push_back({"pp", Unit::count, "", "pipeline stages", [](const Row& r) { return Json(r.question.engine.pp); }});
  out.push_back({"weight_dtype", Unit::text, "", "how the engine holds its weights",
                 [](const Row& r) { return Json(r.weight_dtype); }});
  out.push_back({"codec", Unit::text, "codec", "how KV is stored", [](const Row& r) { return Json(r.codec); }});
  out.push_back(
      {"prefill.provenance", Unit::text, "", "modelled, measured or quoted: what recomputation rests on",
       [](const Row& r) { return Json(std::string(provenance_name(r.question.engine.prefill->provenance()))); }});
  out.push_back({"prefill.device", Unit::text, "", "where prefill is done, or assumed to be done",
                 [](const Row& r) { return Json(r.question.engine.prefill->device()); }});
  out.push_back({"prefill.margin_low", Unit::factor, "", "a real prefill may take as little as this times what is said",
                 of_margin(&PrefillMargin::low)});
  out.push_back({"prefill.margin_high", Unit::factor, "", "a real prefill may take as much as this times what is said",
                 of_margin(&PrefillMargin::high)});
}

void add_wire(std::vector<BreakEvenField>& out) {
  out.push_back({"latency_ns", Unit::nanoseconds, "", "from the lookup of a prefix to its first byte",
                 [](const Row& r) { return r.question.latency_known ? ns(r.question.cost.latency) : Json(nullptr); }});
  out.push_back({"bandwidth_bytes_per_s", Unit::bytes_per_s, "", "of stored bytes, to one engine", [](const Row& r) {
                   return r.question.wire_known ? finite_rate(r.question.cost.bytes_per_s) : Json(nullptr);
                 }});
  out.push_back({"stored_share", Unit::factor, "", "stored bytes a payload byte, measured on a payload like KV",
                 [](const Row& r) { return finite(r.question.cost.stored_per_payload); }});
  out.push_back({"decode_bytes_per_s", Unit::bytes_per_s, "", "payload out of the codec; null: no work, or not known",
                 [](const Row& r) { return finite_rate(r.question.cost.decode_bytes_per_s); }});
  out.push_back({"decode_source", Unit::text, "", "where that figure comes from",
                 [](const Row& r) { return text_or_null(r.decode_source); }});
  out.push_back({"upload_bytes_per_s", Unit::bytes_per_s, "", "modelled: into each GPU, over its own PCIe link",
                 [](const Row& r) { return finite_rate(r.question.cost.upload_bytes_per_s); }});
}

void add_prefix(std::vector<BreakEvenField>& out) {
  out.push_back({"break_even_tokens", Unit::count, "break-even\ntokens",
                 "the shortest prefix from which on fetching wins; null: not up to longest_tokens, or no wire is known",
                 [](const Row& r) { return tokens(r.answer.prefix); }});
  out.push_back({"break_even_slow_engine_tokens", Unit::count, "if slow",
                 "the same, if prefill takes margin_high times as long",
                 [](const Row& r) { return tokens(r.answer.prefix_slow_engine); }});
  out.push_back({"break_even_fast_engine_tokens", Unit::count, "if fast",
                 "the same, if prefill takes margin_low times as long",
                 [](const Row& r) { return tokens(r.answer.prefix_fast_engine); }});
  out.push_back({"longest_tokens", Unit::count, "", "up to which it was looked for",
                 [](const Row& r) { return Json(r.question.longest.count()); }});
  out.push_back({"prefix_tokens", Unit::count, "", "prefix for which the following figures are",
                 [](const Row& r) { return Json(r.question.prefix.count()); }});
  out.push_back({"behind_tokens", Unit::count, "", "tokens behind the prefix, which are computed in any case",
                 [](const Row& r) { return Json(r.question.behind.count()); }});
  out.push_back({"stored_bytes", Unit::bytes, "", "that travel for the prefix",
                 [](const Row& r) { return Json(r.answer.stored.count()); }});
  out.push_back({"recompute_ns", Unit::nanoseconds, "re-\ncompute", "what computing the prefix takes",
                 [](const Row& r) { return ns(r.answer.recompute); }});
  out.push_back({"fetch_ns", Unit::nanoseconds, "fetch", "what fetching it takes",
                 [](const Row& r) { return r.answer.fetch ? ns(*r.answer.fetch) : Json(nullptr); }});
  out.push_back({"needed_bytes_per_s_per_gpu", Unit::bytes_per_s, "GB/s\na GPU",
                 "bandwidth that makes both equal, without latency; null: decoding or uploading alone takes longer",
                 [](const Row& r) { return needed(r.answer.needed, &NeededBandwidth::per_gpu_bytes_per_s); }});
  out.push_back({"needed_bytes_per_s", Unit::bytes_per_s, "GB/s an\nengine", "the same for the TP group, all stages",
                 [](const Row& r) { return needed(r.answer.needed, &NeededBandwidth::per_engine_bytes_per_s); }});
  out.push_back({"needed_at_latency_bytes_per_s_per_gpu", Unit::bytes_per_s, "",
                 "the same with latency_ns; null: no latency is known, or it alone takes longer", [](const Row& r) {
                   return needed(r.answer.needed_at_latency, &NeededBandwidth::per_gpu_bytes_per_s);
                 }});
  out.push_back(
      {"needed_at_latency_bytes_per_s", Unit::bytes_per_s, "", "the same for the TP group, all stages",
       [](const Row& r) { return needed(r.answer.needed_at_latency, &NeededBandwidth::per_engine_bytes_per_s); }});
}

void add_workload(std::vector<BreakEvenField>& out) {
  out.push_back({"workload.prefix_requests_share", Unit::ratio, "",
                 "requests of which an earlier one had the beginning, which a cache that never evicts holds",
                 of_gain([](const WorkloadGain& g) { return share(g.requests_with_prefix, g.requests); })});
  out.push_back({"workload.winning_requests_share", Unit::ratio, "requests\nthat win",
                 "of all: those whose prefix is faster to fetch",
                 of_gain([](const WorkloadGain& g) { return share(g.winning_requests, g.requests); })});
  out.push_back({"workload.winning_tokens_share", Unit::ratio, "tokens\nthat win",
                 "of all input tokens: those in such prefixes",
                 of_gain([](const WorkloadGain& g) { return share(g.winning_tokens, g.input_tokens); })});
  out.push_back({"workload.recompute_ns", Unit::nanoseconds, "", "every prompt computed whole, over all requests",
                 of_gain([](const WorkloadGain& g) { return ns_of(g.recompute_s); })});
  out.push_back({"workload.always_fetch_ns", Unit::nanoseconds, "", "every prefix fetched, whether it wins or not",
                 of_gain([](const WorkloadGain& g) { return ns_of(g.always_fetch_s); })});
  out.push_back({"workload.best_ns", Unit::nanoseconds, "", "only what wins is fetched",
                 of_gain([](const WorkloadGain& g) { return ns_of(g.best_s); })});
  out.push_back({"workload.saved_ns", Unit::nanoseconds, "time\nsaved",
                 "recompute_ns - best_ns: against always recomputing",
                 of_gain([](const WorkloadGain& g) { return ns_of(std::max(g.recompute_s - g.best_s, 0.0)); })});
  out.push_back({"workload.saved_gpu_ns", Unit::nanoseconds, "GPU time\nsaved",
                 "time of GPUs that need not compute what is fetched",
                 of_gain([](const WorkloadGain& g) { return ns_of(g.saved_gpu_s); })});
  out.push_back({"workload.decode_lost_gpu_ns", Unit::nanoseconds, "lost by\ndecoding",
                 "time of GPUs that decode steps lose, at most, to uploads that write HBM meanwhile",
                 of_gain([](const WorkloadGain& g) { return ns_of(g.decode_lost_gpu_s); })});
}

}  // namespace

std::span<const BreakEvenField> break_even_fields() {
  static const std::vector<BreakEvenField> kFields = [] {
    std::vector<BreakEvenField> out;
    add_engine(out);
    add_wire(out);
    add_prefix(out);
    add_workload(out);
    return out;
  }();
  return kFields;
}

}  // namespace kv
