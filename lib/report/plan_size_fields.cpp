#include <algorithm>

#include "report/plan_rows.hpp"

namespace kv {
namespace {

const Plan* the_plan(const PlanContext& c, std::size_t) { return chosen_plan(c); }
const PlanBasis* the_basis(const PlanContext& c, std::size_t) { return c.basis; }

/// Over all uses of blocks that were used before.
std::optional<double> median_reuse_s(const Demand& demand) {
  std::vector<ReuseBin> bins = demand.reuse.bins;
  std::sort(bins.begin(), bins.end(), [](const ReuseBin& a, const ReuseBin& b) { return a.interval_s < b.interval_s; });
  double all = 0, seen = 0;
  for (const ReuseBin& bin : bins) all += bin.reuses;
  for (const ReuseBin& bin : bins) {
    seen += bin.reuses;
    if (seen * 2 >= all) return bin.interval_s;
  }
  return std::nullopt;
}

PlanTable demand_table() {
  PlanRows<Demand> t("demand", "what the workload asks for, at the pace at which it arrives",
                     [](const PlanContext& c, std::size_t) { return c.basis->demand; });
  t.add("requests", Unit::count, "of the workload", &Demand::requests);
  t.add("span_s", Unit::seconds, "first arrival to last, and one mean gap", &Demand::span_s);
  t.add("requests_per_s", Unit::per_s, "requests / span_s", &Demand::requests_per_s);
  t.add("input_tokens_per_s", Unit::per_s, "of prompts", &Demand::input_tokens_per_s);
  t.add("output_tokens_per_s", Unit::per_s, "of answers", &Demand::output_tokens_per_s);
  t.add("mean_input_tokens", Unit::amount, "of a prompt", &Demand::mean_input_tokens);
  t.add("mean_output_tokens", Unit::amount, "of an answer", &Demand::mean_output_tokens);
  t.add("longest_input_tokens", Unit::count, "of the longest prompt", &Demand::longest_input);
  t.add("peak_to_mean", Unit::factor,
        "requests of the busiest minute (or time of a hundred requests) / the mean one; null: shorter than two",
        &Demand::peak_to_mean);
  t.add("ceiling_token_hit_rate", Unit::ratio,
        "of the input tokens: what a cache that never evicts serves; no cache more", &Demand::ceiling_token_hit_rate);
  t.add("unique_blocks", Unit::count, "different blocks", &Demand::unique_blocks);
  t.add("block_refs", Unit::count, "blocks that requests name", &Demand::block_refs);
  t.add("block_tokens", Unit::count, "tokens of a block", &Demand::block_size);
  t.add("median_reuse_interval_s", Unit::seconds, "since a block's last use, over all uses but first ones; null: none",
        median_reuse_s);
  t.add("most_used_block_share", Unit::ratio, "of all uses, by the block used most",
        [](const Demand& d) { return d.popularity.top_share; });
  t.add("still_warming", Unit::flag, "hits still rise at the workload's end: a longer one has a higher ceiling",
        &Demand::still_warming);
  return t.take();
}

void add_links(PlanRows<PlanBasis>& t) {
  t.add("links_source", Unit::text, "where the figures of the way to a shared store come from",
        [](const PlanBasis&, const PlanCell& at) { return at.context.links_source; });
  t.add("link_latency_ns", Unit::nanoseconds, "of a fetch, before its first byte",
        [](const PlanBasis& b) { return b.links.latency; });
  t.add("link_instance_bytes_per_s", Unit::bytes_per_s, "stored bytes that one instance receives; null: no bound",
        [](const PlanBasis& b) { return b.links.instance_bytes_per_s; });
  t.add("link_server_bytes_per_s", Unit::bytes_per_s, "that the store sends to all instances; null: no bound",
        [](const PlanBasis& b) { return b.links.server_bytes_per_s; });
  t.add("link_flow_bytes_per_s", Unit::bytes_per_s, "of one fetch alone; null: no bound",
        [](const PlanBasis& b) { return b.links.flow_bytes_per_s; });
  t.add("fetch_only_if_faster", Unit::flag, "hits that are computed faster than fetched are computed",
        &PlanBasis::fetch_only_if_faster);
  t.add(
      "ops_per_s_per_node", Unit::per_s, "values that a machine of a store serves, measured; null: not known",
      [](const PlanBasis& b) { return b.ops_per_s_per_node > 0 ? std::optional(b.ops_per_s_per_node) : std::nullopt; });
}

PlanTable engine_table() {
  using Cell = PlanCell;
  PlanRows<PlanBasis> t("engine", "who computes, and the way to a store", the_basis);
  t.add("model", Unit::text, "whose KV it is", [](const PlanBasis&, const Cell& at) { return at.context.model; });
  t.add("gpu", Unit::text, "on which it is computed", [](const PlanBasis&, const Cell& at) { return at.context.gpu; });
  t.add("fleet_gpus", Unit::count, "that there are", &PlanBasis::fleet_gpus);
  t.add("gpus", Unit::count, "of them that the workload needs without a cache: the plan is for these",
        &PlanBasis::gpus);
  t.add("tp", Unit::count, "tensor-parallel ranks of an instance", &PlanBasis::tp);
  t.add("pp", Unit::count, "pipeline stages of an instance", &PlanBasis::pp);
  t.add("gpus_per_instance", Unit::count, "tp x pp", &PlanBasis::gpus_per_instance);
  t.add("instances", Unit::count, "gpus / gpus_per_instance, whole ones", &PlanBasis::instances);
  t.add("committed_instances", Unit::count, "that are paid for, needed or not", &PlanBasis::committed_instances);
  t.add("weight_dtype", Unit::text, "how weights are held",
        [](const PlanBasis&, const Cell& at) { return at.context.weight_dtype; });
  t.add("prefill_device", Unit::text, "what prefill times are of, and whether they are modelled",
        [](const PlanBasis&, const Cell& at) { return at.context.prefill_device; });
  t.add("routing", Unit::text, "who decides which instance serves a request",
        [](const PlanBasis& b) { return routing_name(b.routing); });
  t.add("engine_cache_blocks", Unit::count, "that an instance keeps in HBM: the baseline's cache",
        &PlanBasis::engine_cache);
  t.add("engine_cache_bytes", Unit::bytes, "the same in bytes of KV",
        [](const PlanBasis& b) { return static_cast<double>(b.engine_cache.count()) * b.block_payload_bytes(); });
  t.add("host_cache_blocks", Unit::count, "that the baseline keeps in an instance's host memory",
        &PlanBasis::host_cache);
  t.add("kv_bytes_per_token", Unit::amount, "of a full block: model, dtype and copies, in front of the codec",
        [](const PlanBasis& b) {
          return b.block_payload_bytes() / static_cast<double>(b.geometry->block_size().count());
        });
  t.add("codec", Unit::text, "how KV is stored", [](const PlanBasis&, const Cell& at) { return at.context.codec; });
  t.add("stored_per_payload_source", Unit::text, "where the codec's share comes from",
        [](const PlanBasis&, const Cell& at) { return at.context.stored_per_payload_source; });
  add_links(t);
  return t.take();
}

void add_traffic(PlanRows<Plan>& t) {
  t.add("token_hit_rate", Unit::ratio, "of all input tokens, by this cache beside the engine's own",
        [](const Plan& p) { return p.traffic.token_hit_rate; });
  t.add("total_hit_rate", Unit::ratio, "the same with what the engines find themselves",
        [](const Plan& p) { return p.traffic.total_hit_rate; });
  t.add("baseline_hit_rate", Unit::ratio, "of all input tokens, by the engines' own caches without it",
        [](const Plan&, const PlanCell& at) -> std::optional<double> {
          const auto& study = at.context.estimate->study;
          return study ? std::optional(study->baseline_hit_rate) : std::nullopt;
        });
  t.add("declined_share", Unit::ratio, "of the requests with a hit: computing is faster than fetching",
        [](const Plan& p) { return p.served->declined_share; });
  t.add("crossing_share", Unit::ratio, "of the hits: stored by another instance than reads them",
        [](const Plan& p) { return p.served->crossing_share; });
  t.add("read_bytes_per_s", Unit::bytes_per_s, "stored bytes, at the busiest time planned for",
        [](const Plan& p) { return p.traffic.read_bytes_per_s; });
  t.add("written_bytes_per_s", Unit::bytes_per_s, "likewise",
        [](const Plan& p) { return p.traffic.written_bytes_per_s; });
  t.add("values_per_s", Unit::per_s, "read and written, likewise",
        [](const Plan& p) { return p.traffic.values_per_s; });
  t.add("mean_read_bytes_per_s", Unit::bytes_per_s, "mean of the month, which is billed",
        [](const Plan& p) { return p.traffic.load.read_bytes_per_s; });
  t.add("mean_written_bytes_per_s", Unit::bytes_per_s, "likewise",
        [](const Plan& p) { return p.traffic.load.written_bytes_per_s; });
  t.add("mean_reads_per_s", Unit::per_s, "values, likewise", [](const Plan& p) { return p.traffic.load.reads_per_s; });
  t.add("mean_writes_per_s", Unit::per_s, "values, likewise",
        [](const Plan& p) { return p.traffic.load.writes_per_s; });
}

PlanTable size_table() {
  const auto of_size = [](double SizeAnswer::*figure) {
    return [figure](const Plan& p) { return p.option.size.*figure; };
  };
  PlanRows<Plan> t("size", "of the chosen plan's cache, and what it reads and writes", the_plan);
  t.add("kind", Unit::text, "way of keeping it", [](const Plan& p) { return p.option.row->name; });
  t.add("blocks", Unit::count, "kept in steady state, of one workload's traffic",
        [](const Plan& p) { return p.served->blocks; });
  t.add("tokens", Unit::count, "blocks x block_tokens x the inputs prompt and traffic", of_size(&SizeAnswer::tokens));
  t.add("bytes_per_token", Unit::amount, "payload_bytes / tokens", [](const Plan& p) {
    return p.option.size.tokens > 0 ? std::optional(p.option.size.payload_bytes / p.option.size.tokens) : std::nullopt;
  });
  t.add("payload_bytes", Unit::bytes, "KV as engines hold it", of_size(&SizeAnswer::payload_bytes));
  t.add("stored_per_payload", Unit::factor, "of the codec",
        [](const Plan&, const PlanCell& at) { return at.context.estimate->scenario.stored_per_payload; });
  t.add("stored_bytes", Unit::bytes, "behind the codec", of_size(&SizeAnswer::stored_bytes));
  t.add("values", Unit::count, "keys in the server", of_size(&SizeAnswer::values));
  t.add("value_bytes", Unit::amount, "of a mean value", of_size(&SizeAnswer::value_bytes));
  t.add("held_bytes", Unit::bytes, "by the server, with allocator and entries", of_size(&SizeAnswer::held_bytes));
  t.add("overhead", Unit::ratio, "held_bytes / stored_bytes - 1", of_size(&SizeAnswer::overhead));
  t.add("memory_bytes", Unit::bytes, "that machines must have for one copy: fragmentation and reserve included",
        of_size(&SizeAnswer::memory_bytes));
  t.add("memory_all_copies_bytes", Unit::bytes, "the same with replicas",
        of_size(&SizeAnswer::memory_all_copies_bytes));
  t.add("kept_share", Unit::ratio, "of that content, for which there is room in host memory or on drives",
        [](const Plan& p) { return p.option.kept_share; });
  t.add("link_used", Unit::factor, "of what the links of host memory or drives read together; above 1: fetches wait",
        [](const Plan& p) { return p.option.link_used; });
  add_traffic(t);
  return t.take();
}

/// With machines.
const Plan* counted(const PlanContext& c, std::size_t) {
  const Plan* plan = chosen_plan(c);
  return plan != nullptr && plan->option.nodes ? plan : nullptr;
}

/// A figure of the same plan with so many replicas; nullopt where that cannot be had.
template <class Get>
auto of_copies(std::optional<Plan> ReplicaChoice::*which, Get get) {
  return [which, get](const Plan&, const PlanCell& at) -> std::optional<double> {
    const Estimate* estimate = at.context.estimate;
    if (estimate == nullptr) return std::nullopt;
    const std::optional<Plan>& plan = estimate->replicas.*which;
    if (!plan || !plan->option.nodes || !plan->option.cost) return std::nullopt;
    return get(*plan->option.nodes, *plan->option.cost);
  };
}

void add_replicas(PlanRows<Plan>& t, const std::string& path, std::optional<Plan> ReplicaChoice::*which) {
  t.add(path + ".machines", Unit::count, "with a second copy of everything, and without",
        of_copies(which, [](const NodesAnswer& nodes, const MonthlyCost&) {
          return static_cast<double>(nodes.machines.value_or(0));
        }));
  t.add(path + ".usd_per_month", Unit::usd, "likewise; null: cannot be had",
        of_copies(which, [](const NodesAnswer&, const MonthlyCost& cost) { return cost.total(); }));
  t.add(path + ".egress_bytes_per_s", Unit::bytes_per_s, "likewise",
        of_copies(which, [](const NodesAnswer& nodes, const MonthlyCost&) { return nodes.egress_bytes_per_s; }));
}

void add_rewarm(PlanRows<Plan>& t) {
  const auto of = [](double Rewarm::*figure) {
    return [figure](const Plan&, const PlanCell& at) -> std::optional<double> {
      const auto& rewarm = at.context.estimate->replicas.rewarm;
      return rewarm ? std::optional(*rewarm.*figure) : std::nullopt;
    };
  };
  t.add("without_replica.rewarm_gpu_s_per_loss", Unit::seconds, "GPU time to compute again what a lost machine had",
        of(&Rewarm::gpu_s_per_loss));
  t.add("without_replica.rewarm_gpu_s_per_month", Unit::seconds, "expected: losses a month x that",
        of(&Rewarm::gpu_s_per_month));
}

PlanTable nodes_table() {
  const auto of_nodes = [](double NodesAnswer::*figure) {
    return [figure](const Plan& p) { return *p.option.nodes.*figure; };
  };
  PlanRows<Plan> t("nodes", "machines of the chosen plan; null where it has none", counted);
  t.add("on", Unit::text, "machine of the price file", [](const Plan& p) { return p.option.on; });
  t.add("machines", Unit::count, "primaries and replicas; null: no number is enough",
        [](const Plan& p) { return p.option.nodes->machines; });
  t.add("primaries", Unit::count, "the most that any constraint needs",
        [](const Plan& p) { return p.option.nodes->primaries; });
  t.add("replicas", Unit::count, "copies beside the first",
        [](const Plan&, const PlanCell& at) { return at.context.basis->replicas; });
  t.add("binding", Unit::text, "constraint that asks for most",
        [](const Plan& p) { return node_constraint_name(p.option.nodes->binding); });
  t.add("memory_used", Unit::factor, "by the fullest shard, of its machine", of_nodes(&NodesAnswer::memory_used));
  t.add("bandwidth_used", Unit::factor, "by the hottest shard, of its machine", of_nodes(&NodesAnswer::bandwidth_used));
  t.add("operations_used", Unit::factor, "likewise; 0 where a machine's are not known",
        of_nodes(&NodesAnswer::operations_used));
  t.add("hottest_share", Unit::ratio, "of all traffic, to the hottest shard", of_nodes(&NodesAnswer::hottest_share));
  t.add("egress_bytes_per_s", Unit::bytes_per_s, "reads + replicas x writes",
        of_nodes(&NodesAnswer::egress_bytes_per_s));
  t.add("node_bytes_per_s", Unit::bytes_per_s, "of one machine: its lasting NIC rate, or what its flows are capped at",
        of_nodes(&NodesAnswer::node_bytes_per_s));
  add_replicas(t, "with_replica", &ReplicaChoice::one);
  add_replicas(t, "without_replica", &ReplicaChoice::none);
  add_rewarm(t);
  return t.take();
}

PlanTable needs_table() {
  PlanRows<NodeNeed> t(
      "nodes.needs", "what each constraint asks for on its own",
      [](const PlanContext& c) {
        const Plan* plan = counted(c, 0);
        return plan == nullptr ? std::size_t{0} : plan->option.nodes->needs.size();
      },
      [](const PlanContext& c, std::size_t i) -> const NodeNeed* {
        const Plan* plan = counted(c, 0);
        return plan == nullptr ? nullptr : &plan->option.nodes->needs[i];
      });
  t.add("constraint", Unit::text, "memory, bandwidth, operations, failure headroom, fewest",
        [](const NodeNeed& n) { return node_constraint_name(n.constraint); });
  t.add("nodes", Unit::count, "primaries; null: no number is enough", &NodeNeed::nodes);
  return t.take();
}

}  // namespace

void add_size_tables(std::vector<PlanTable>& out) {
  out.push_back(demand_table());
  out.push_back(engine_table());
  out.push_back(size_table());
  out.push_back(nodes_table());
  out.push_back(needs_table());
}

}  // namespace kv
