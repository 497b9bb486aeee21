#include <fmt/format.h>

#include <cmath>

#include "report/field_rows.hpp"
#include "report/probe_document.hpp"

namespace kv {
namespace {

using probe::Findings;
using probe::Point;
using GetPoint = std::function<Json(const Point&, const Findings&)>;

Json positive(double value) { return value > 0 ? finite(value) : Json(nullptr); }

/// Of values: null for EXISTS, which moves none.
GetPoint of_values(std::function<Json(const Point&)> get) {
  return [get = std::move(get)](const Point& p, const Findings&) { return p.moves_values() ? get(p) : Json(nullptr); };
}
GetPoint plain(std::function<Json(const Point&)> get) {
  return [get = std::move(get)](const Point& p, const Findings&) { return get(p); };
}

double per_s(const Point& p) { return probe::median(p.per_s); }
double limit_per_s(const Point& p) { return probe::median(p.limit_per_s); }
double value_bytes(const Point& p) { return static_cast<double>(p.cut.value_bytes()); }
double operations(const Point& p) { return static_cast<double>(p.sum.operations); }

Json rate_of_bytes(double amount) { return amount > 0 ? rounded(amount) : Json(nullptr); }
Json significant(double value) { return value > 0 ? finite(std::round(value * 1e6) / 1e6) : Json(nullptr); }

Json spread_of(const std::vector<double>& values) {
  return values.size() < 2 ? Json(nullptr) : finite(std::round(probe::spread(values) * 1e4) / 1e4);
}

Json percentile(const Point& p, double q) {
  return p.sum.operations == 0 ? Json(nullptr) : Json(p.sum.latency.quantile(q));
}

void add_what(std::vector<PointField>& out) {
  out.push_back({"op", Unit::text, "op", "GET, SET or EXISTS",
                 plain([](const Point& p) { return Json(std::string(probe::operation_name(p.operation))); })});
  out.push_back({"transport", Unit::text, "", "tcp, unix or tls", [](const Point&, const Findings& f) {
                   return Json(std::string(probe::transport_name(f.transport)));
                 }});
  out.push_back({"codec", Unit::text, "codec", "encoded before SET, decoded after GET, in the time that is measured",
                 plain([](const Point& p) { return Json(p.codec); })});
  out.push_back({"value_bytes", Unit::bytes, "value", "of the value that moves; null: EXISTS moves none",
                 of_values([](const Point& p) { return Json(p.cut.value_bytes()); })});
  out.push_back({"payload_bytes", Unit::bytes, "", "of what the codec made the value of; raw: the same",
                 of_values([](const Point& p) { return Json(p.payload_bytes); })});
  out.push_back({"chunks", Unit::count, "chunks", "keys that the value is cut into, each of at most chunk_bytes",
                 of_values([](const Point& p) { return Json(p.cut.messages()); })});
  out.push_back({"connections", Unit::count, "conns", "connections, all driven by one thread",
                 plain([](const Point& p) { return Json(p.connections); })});
  out.push_back({"depth", Unit::count, "depth", "operations under way on each connection",
                 plain([](const Point& p) { return Json(p.depth); })});
}

void add_rates(std::vector<PointField>& out) {
  out.push_back({"ops_per_s", Unit::per_s, "ops", "operations completed, median of the repetitions",
                 plain([](const Point& p) { return rate_of_bytes(per_s(p)); })});
  out.push_back({"bytes_per_s", Unit::bytes_per_s, "rate", "the same in bytes of values",
                 of_values([](const Point& p) { return rate_of_bytes(per_s(p) * value_bytes(p)); })});
  out.push_back(
      {"payload_bytes_per_s", Unit::bytes_per_s, "", "the same in bytes of payload",
       of_values([](const Point& p) { return rate_of_bytes(per_s(p) * static_cast<double>(p.payload_bytes)); })});
  out.push_back({"limit_ops_per_s", Unit::per_s, "",
                 "what a bare socket of the same kind does with the same messages, connections and depth, measured "
                 "between the repetitions; null: not known",
                 plain([](const Point& p) { return rate_of_bytes(limit_per_s(p)); })});
  out.push_back({"limit_bytes_per_s", Unit::bytes_per_s, "limit", "the same in bytes of values",
                 of_values([](const Point& p) { return rate_of_bytes(limit_per_s(p) * value_bytes(p)); })});
  out.push_back({"efficiency", Unit::factor, "of\nlimit",
                 "ops_per_s / limit_ops_per_s; above 1 where noise hit the limit", plain([](const Point& p) {
                   return limit_per_s(p) > 0 ? significant(per_s(p) / limit_per_s(p)) : Json(nullptr);
                 })});
  out.push_back({"p50_ns", Unit::nanoseconds, "p50", "median time of one operation, from its submission",
                 plain([](const Point& p) { return percentile(p, 0.5); })});
  out.push_back({"p99_ns", Unit::nanoseconds, "p99", "99 % of the operations took at most so long",
                 plain([](const Point& p) { return percentile(p, 0.99); })});
}

void add_costs(std::vector<PointField>& out) {
  const auto of_thread = [](const Point& p) { return static_cast<double>(p.sum.client_cpu.count()); };
  const auto of_server = [](const Point& p) { return p.server_cpu_s.value_or(0) * 1e9; };
  out.push_back({"client_cpu_ns_per_byte", Unit::ns_per_byte, "client\nCPU",
                 "CPU time of the driving thread; spinning while it waits is in it",
                 of_values([of_thread](const Point& p) {
                   return significant(of_thread(p) / (operations(p) * value_bytes(p)));
                 })});
  out.push_back({"server_cpu_ns_per_byte", Unit::ns_per_byte, "server\nCPU",
                 "CPU time of the server's process (INFO), whoever else it served; null: not told",
                 of_values([of_server](const Point& p) {
                   return significant(of_server(p) / (operations(p) * value_bytes(p)));
                 })});
  out.push_back({"client_cpu_ns_per_op", Unit::nanoseconds, "", "the driving thread's, per operation",
                 plain([of_thread](const Point& p) { return positive(std::round(of_thread(p) / operations(p))); })});
  out.push_back({"server_cpu_ns_per_op", Unit::nanoseconds, "", "the server's, per operation",
                 plain([of_server](const Point& p) { return positive(std::round(of_server(p) / operations(p))); })});
  out.push_back({"client_busy_share", Unit::ratio, "", "of the time the driving thread did not wait for a socket",
                 plain([](const Point& p) {
                   const double elapsed = seconds(p.sum.elapsed);
                   return elapsed > 0 ? significant(1 - seconds(p.sum.waited) / elapsed) : Json(nullptr);
                 })});
  out.push_back({"memory_ratio", Unit::factor, "", "MEMORY USAGE of the value's keys / value_bytes; null: not told",
                 plain([](const Point& p) { return p.memory_ratio ? significant(*p.memory_ratio) : Json(nullptr); })});
}

void add_trust(std::vector<PointField>& out) {
  out.push_back({"bounded_by", Unit::text, "bounded by", "latency, wire, server CPU or client CPU; null: none of them",
                 [](const Point& p, const Findings& f) {
                   return text_or_null(std::string(probe::bound_name(probe::bound_of(p, f.rtt_ns))));
                 }});
  out.push_back({"repetitions", Unit::count, "", "measured whole, interleaved with those of the limit",
                 plain([](const Point& p) { return Json(p.per_s.size()); })});
  out.push_back({"operations", Unit::count, "", "in all repetitions",
                 plain([](const Point& p) { return Json(p.sum.operations); })});
  out.push_back({"spread", Unit::ratio, "spread", "(fastest - slowest repetition) / median",
                 plain([](const Point& p) { return spread_of(p.per_s); })});
  out.push_back({"limit_spread", Unit::ratio, "", "the same of the limit",
                 plain([](const Point& p) { return spread_of(p.limit_per_s); })});
  out.push_back({"failure", Unit::text, "", "why there is nothing, or no more, of this point",
                 plain([](const Point& p) { return or_null(p.failure); })});
}

ProbeField server(const char* key, Unit unit, std::string meaning, std::function<Json(const Findings&)> get) {
  return {std::string("server.") + key, unit, std::move(meaning),
          [get = std::move(get)](const ProbeContext& c) { return get(c.findings); }};
}

std::vector<ProbeField> make_probe_fields() {
  return {
      {"backend", Unit::text, "SPEC of the server, secrets removed",
       [](const ProbeContext& c) { return Json(c.backend); }},
      server("name", Unit::text, "server software; null: not told",
             [](const Findings& f) { return text_or_null(f.server.name); }),
      server("version", Unit::text, "its version", [](const Findings& f) { return text_or_null(f.server.version); }),
      server("allocator", Unit::text, "its memory allocator",
             [](const Findings& f) { return or_null(f.server.allocator); }),
      server("io_threads", Unit::count, "threads that it reads and writes sockets with",
             [](const Findings& f) { return or_null(f.server.io_threads); }),
      server("max_memory_bytes", Unit::bytes, "its memory limit",
             [](const Findings& f) { return or_null(f.server.max_memory); }),
      server("spawned", Unit::flag, "started by kvbench for this probe",
             [](const Findings& f) { return Json(f.server.spawned); }),
      server("transport", Unit::text, "tcp, unix or tls",
             [](const Findings& f) { return Json(std::string(probe::transport_name(f.transport))); }),
      server("on_this_host", Unit::flag, "client and server shared one machine",
             [](const Findings& f) { return Json(f.on_this_host); }),
      {"chunk_bytes", Unit::bytes, "larger values are cut into keys of so much",
       [](const ProbeContext& c) { return Json(c.chunk.count()); }},
      {"limits.rtt_ns", Unit::nanoseconds, "median of one small message and its answer, on an idle connection",
       [](const ProbeContext& c) { return or_null(c.findings.rtt_ns); }},
      {"limits.rtt_source", Unit::text, "who answered: peer (a bare socket), or server (EXISTS)",
       [](const ProbeContext& c) { return text_or_null(c.findings.rtt_source); }},
      {"planned_points", Unit::count, "what the sweep would have measured without interruption",
       [](const ProbeContext& c) { return Json(c.findings.planned); }},
  };
}

std::vector<PointField> make_point_fields() {
  std::vector<PointField> fields;
  add_what(fields);
  add_rates(fields);
  add_costs(fields);
  add_trust(fields);
  return fields;
}

}  // namespace

std::span<const PointField> point_fields() {
  static const std::vector<PointField> kFields = make_point_fields();
  return kFields;
}

std::span<const ProbeField> probe_fields() {
  static const std::vector<ProbeField> kFields = make_probe_fields();
  return kFields;
}

}  // namespace kv
