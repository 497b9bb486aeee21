#include "report/fields.hpp"

#include <vector>

#include "report/field_rows.hpp"

namespace kv {
namespace {

void add_identity(Rows& rows) {
  rows.identity("backend", "backend", "SPEC of the backend, secrets removed",
                [](const Figures& f) { return Json(f.run.backend); });
  rows.identity("codec", "codec", "SPEC of the codec", [](const Figures& f) { return Json(f.run.codec); });
  rows.context("server.name", Unit::text, "server software; null where there is none",
               [](const Figures& f) { return text_or_null(f.run.server.name); });
  rows.context("server.version", Unit::text, "its version",
               [](const Figures& f) { return text_or_null(f.run.server.version); });
  rows.context("server.allocator", Unit::text, "memory allocator of the server",
               [](const Figures& f) { return or_null(f.run.server.allocator); });
  rows.context("server.io_threads", Unit::count, "threads that the server reads and writes sockets with",
               [](const Figures& f) { return or_null(f.run.server.io_threads); });
  rows.context("server.eviction_policy", Unit::text, "what the server does when its memory is full",
               [](const Figures& f) { return or_null(f.run.server.eviction_policy); });
  rows.context("server.persistence", Unit::text, "whether the server also writes to disk",
               [](const Figures& f) { return or_null(f.run.server.persistence); });
  rows.context("server.max_memory_bytes", Unit::bytes, "the server's own memory limit",
               [](const Figures& f) { return or_null(f.run.server.max_memory); });
  rows.context("server.spawned", Unit::flag, "started by kvbench for this run",
               [](const Figures& f) { return Json(f.run.server.spawned); });
  rows.context("device", Unit::text, "device that the backend keeps blocks on (cpu: a stand-in for a GPU)",
               [](const Figures& f) { return text_or_null(f.run.capabilities.device); });
  rows.context("capacity_bytes", Unit::bytes, "what the backend can hold, where it knows",
               [](const Figures& f) { return or_null(f.run.capabilities.capacity); });
  rows.context("scaled", Unit::flag, "payloads were scaled down: hits and counts hold, times are not TTFT",
               [](const Figures& f) { return Json(f.run.scaled); });
  rows.context("workers", Unit::count, "requests in flight at once (closed loop)",
               [](const Figures& f) { return Json(f.run.workers); });
  rows.context("engine_cache_bytes", Unit::bytes, "HBM of the engine's own prefix cache; null: off",
               [](const Figures& f) { return or_null(f.run.engine_cache); });
  rows.context("skipped", Unit::text, "why the row could not run; its figures are null then",
               [](const Figures& f) { return or_null(f.run.skipped); });
}

void add_hits(Rows& rows) {
  rows.exact("requests", Unit::count, Better::neither, "measured requests of one repetition (warm-up excluded)",
             count_of(&Counts::requests));
  rows.exact("hits.block_hits", Unit::count, Better::higher, "blocks that the backend served as a prefix hit",
             count_of(&Counts::block_hits));
  rows.exact("hits.block_refs", Unit::count, Better::neither, "blocks that the requests named",
             count_of(&Counts::block_refs));
  rows.exact("hits.block_hit_rate", Unit::ratio, Better::higher, "block_hits / block_refs",
             share_of(&Counts::block_hits, &Counts::block_refs));
  rows.exact("hits.token_hits", Unit::count, Better::higher, "input tokens that the backend served",
             count_of(&Counts::token_hits));
  rows.exact("hits.input_tokens", Unit::count, Better::neither, "input tokens of the requests",
             count_of(&Counts::input_tokens));
  rows.exact("hits.token_hit_rate", Unit::ratio, Better::higher, "token_hits / input_tokens",
             share_of(&Counts::token_hits, &Counts::input_tokens), "hits\nbackend");
  rows.exact("hits.requests_with_hit", Unit::count, Better::higher, "requests that the backend served some of",
             count_of(&Counts::requests_with_hit));
  rows.exact("hits.insertions", Unit::count, Better::neither, "blocks stored completely; null: not told",
             optional_count_of(&Counts::insertions));
  rows.exact("hits.evictions", Unit::count, Better::lower, "blocks that left to make room; null: not told",
             optional_count_of(&Counts::evictions));
  rows.exact("engine_hits.block_hits", Unit::count, Better::neither, "blocks found in the engine's own cache",
             count_of(&Counts::engine_block_hits));
  rows.exact("engine_hits.token_hits", Unit::count, Better::neither, "input tokens found in the engine's own cache",
             count_of(&Counts::engine_token_hits));
  rows.exact("engine_hits.token_hit_rate", Unit::ratio, Better::neither, "engine token_hits / input_tokens",
             share_of(&Counts::engine_token_hits, &Counts::input_tokens), "hits\nengine");
  rows.exact("engine_hits.requests_with_hit", Unit::count, Better::neither,
             "requests that found something in the engine's own cache", count_of(&Counts::engine_requests_with_hit));
}

void add_bytes(Rows& rows) {
  const auto bytes = [&rows](std::string key, Better better, std::string meaning, std::uint64_t Counts::*member) {
    rows.exact("bytes." + std::move(key), Unit::bytes, better, std::move(meaning), count_of(member));
  };
  bytes("fetched_bytes", Better::neither, "payload fetched from the backend", &Counts::fetched_bytes);
  bytes("stored_bytes", Better::lower, "payload stored in the backend", &Counts::stored_bytes);
  bytes("unstored_bytes", Better::lower, "payload neither served nor stored; the sum of the next three",
        &Counts::unstored_bytes);
  bytes("unstored_refused_bytes", Better::lower,
        "of it: the backend did not take it, for want of room or because another request was storing it",
        &Counts::unstored_refused_bytes);
  bytes("unstored_present_bytes", Better::lower,
        "of it: in the backend, but not served: behind a missing block or a failed fetch",
        &Counts::unstored_present_bytes);
  bytes("unstored_failed_bytes", Better::lower, "of it: the lookup or the store failed",
        &Counts::unstored_failed_bytes);
  bytes("engine_bytes", Better::neither, "payload in the backend that the engine's own cache made needless",
        &Counts::engine_bytes);
  bytes("unneeded_bytes", Better::neither, "windows and states inside a hit, of which only the last is fetched",
        &Counts::unneeded_bytes);
  bytes("declined_bytes", Better::neither, "payload in the backend that the fetch policy recomputed instead",
        &Counts::declined_bytes);
  bytes("uploaded_bytes", Better::neither, "copied into the memory of all ranks", &Counts::uploaded_bytes);
  bytes("verified_bytes", Better::neither, "fetched payload that was compared with what had been stored",
        &Counts::verified_bytes);
  bytes("stored_value_bytes", Better::lower, "what the stored payload weighs encoded, headers included",
        &Counts::stored_value_bytes);
  rows.exact("bytes.codec_ratio", Unit::factor, Better::higher, "stored_bytes / stored_value_bytes",
             share_of(&Counts::stored_bytes, &Counts::stored_value_bytes));
  rows.exact("bytes.wire_in_bytes", Unit::bytes, Better::lower,
             "received through sockets, protocol included; 0: none, null: not told",
             optional_count_of(&Counts::wire_in_bytes));
  rows.exact("bytes.wire_out_bytes", Unit::bytes, Better::lower,
             "sent through sockets, protocol included; 0: none, null: not told",
             optional_count_of(&Counts::wire_out_bytes));
  rows.exact("bytes.orphan_bytes", Unit::bytes, Better::lower,
             "left in the server of blocks that had lost a value, found and removed; null: not told",
             optional_count_of(&Counts::orphan_bytes));
}

/// Of time and chance, hence local.
void add_lifetimes(Rows& rows) {
  const auto count = [&rows](std::string key, Better better, std::string meaning,
                             std::optional<std::uint64_t> LifetimeCounts::*member) {
    rows.local("lifetimes." + std::move(key), Unit::count, better, std::move(meaning),
               measured([member](const Figures& f) { return or_null(f.counts.lifetimes.*member); }), "", true);
  };
  count("expired_lookups", Better::lower,
        "blocks that requests asked for in vain though this run had stored them: their ttl had passed; null: no ttl",
        &LifetimeCounts::expired_lookups);
  count("lost_lookups", Better::lower, "the same before their ttl had passed: evicted or removed; null: not told",
        &LifetimeCounts::lost_lookups);
  count("renewals", Better::neither, "blocks whose ttl a use renewed; null: not ttl_mode=sliding",
        &LifetimeCounts::renewals);
  count("expired_values", Better::neither,
        "values (a block has several) that a spawned server has found expired so far; null: not told",
        &LifetimeCounts::expired_values);
  count("evicted_values", Better::lower, "values that a spawned server evicted; null: not told",
        &LifetimeCounts::evicted_values);
}

void add_trouble(Rows& rows) {
  const auto errors = [&rows](std::string key, Better better, std::string meaning, std::uint64_t Counts::*member,
                              std::string heading) {
    rows.local("errors." + std::move(key), Unit::count, better, std::move(meaning), count_of(member),
               std::move(heading), true);
  };
  errors("failed_requests", Better::lower, "requests that got no first token, over all repetitions",
         &Counts::failed_requests, "failed\nrequests");
  errors("failed_ops", Better::lower, "backend operations that failed; the request was recomputed", &Counts::failed_ops,
         "failed\nops");
  errors("ops", Better::neither,
         "backend operations, over all repetitions; warm-up and requests that were stopped included", &Counts::ops, "");
  errors("corrupt_values", Better::lower, "values that came back other than they were stored", &Counts::corrupt_values,
         "corrupt\nvalues");
  rows.context("errors.examples", Unit::texts, "the first few errors, 8 at most, keys named",
               [](const Figures& f) { return Json(f.run.error_examples); });
  rows.context("harness.overhead_ns_per_request", Unit::nanoseconds,
               "what kvbench itself takes per request, measured with null: in the same run", [](const Figures& f) {
                 const auto& overhead = f.run.harness_overhead_ns_per_request;
                 return overhead ? rounded(*overhead) : Json(nullptr);
               });
  rows.add({"interrupted", Unit::flag, Role::context, Better::neither, true, true, "",
            "stopped before its last request", [](const Figures& f) { return Json(f.merged.interrupted); }});
}

std::vector<Field> make_fields() {
  Rows rows;
  add_identity(rows);
  add_hits(rows);
  add_bytes(rows);
  add_lifetimes(rows);
  add_times(rows);
  add_fetch(rows);
  add_engine(rows);
  add_trouble(rows);
  return rows.take();
}

}  // namespace

std::span<const Field> fields() {
  static const std::vector<Field> kFields = make_fields();
  return kFields;
}

}  // namespace kv
