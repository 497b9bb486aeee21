#include "workload/merge.hpp"

#include <memory>

#include "commands.hpp"
#include "rewriting.hpp"

namespace kvtool {
namespace {

struct Options {
  std::vector<std::string> paths;
  kv::MergeOptions merge;
  RewriteOptions rewrite;
};

int merge(const Options& o) {
  return rewrite(o.rewrite, [&](const kv::ReadOptions& read, kv::ByteSink& out) {
    std::vector<kv::ReadNotes> notes;
    auto made = kv::merge_traces(o.paths, read, notes, o.merge, out);
    for (const kv::ReadNotes& one : notes) say_notes(one);
    return made;
  });
}

}  // namespace

void add_merge(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("merge", "Make one trace of several, by time of arrival");
  const auto o = std::make_shared<Options>();
  command->add_option("TRACE", o->paths, "Mooncake-format JSONL; .gz and .zst too, - for stdin")
      ->required()
      ->expected(1, 1000);
  command->add_flag("--same-ids", o->merge.same_ids,
                    "Equal ids and names of different inputs mean the same; otherwise they are kept apart");
  command->add_flag("--tenants", o->merge.name_tenants, "Make each input a tenant, named after its file");
  command->add_flag("--align", o->merge.align, "Let the first request of each input arrive at 0");
  add_rewrite_options(*command, o->rewrite);
  command->footer("Example:\n  kvtrace merge workloads/chat.jsonl workloads/rag.jsonl --tenants -o both.jsonl");
  command->callback([o, &exit_code] { exit_code = merge(*o); });
}

}  // namespace kvtool
