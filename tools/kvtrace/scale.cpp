#include "workload/scale.hpp"

#include <memory>

#include "base/parse.hpp"
#include "commands.hpp"
#include "common/workload_input.hpp"
#include "rewriting.hpp"

namespace kvtool {
namespace {

struct Options {
  std::string path, jitter = "1m";
  kv::ScaleOptions scale;
  RewriteOptions rewrite;
};

int scale(const Options& o) {
  const auto jitter = kv::parse_duration(o.jitter);
  if (!jitter) return fail(in_option("--jitter", jitter.error()).value());
  kv::ScaleOptions options = o.scale;
  options.jitter = *jitter;
  const auto input = Rereadable::open(o.path);
  if (!input) return fail(input.error());
  return rewrite(o.rewrite, [&](const kv::ReadOptions& read, kv::ByteSink& out) -> kv::Result<kv::MadeTrace> {
    kv::ReadNotes notes;
    auto made = kv::scale_trace(input->path(), read, notes, options, out);
    if (!made) return tl::unexpected<kv::Error>(input->named(made.error()));
    say_notes(notes);
    return made;
  });
}

}  // namespace

void add_scale(CLI::App& app, int& exit_code) {
  CLI::App* command = app.add_subcommand("scale", "Make a trace of more users, or fewer, at the pace that they had");
  const auto o = std::make_shared<Options>();
  command->add_option("TRACE", o->path, "Mooncake-format JSONL; .gz and .zst too, - for stdin")->required();
  command->add_option("--rate", o->scale.rate, "Requests per second, times this: 2, 0.5, 3.5")->required();
  command->add_option("--seed", o->scale.seed, "When copies begin, and which trees a fraction takes")
      ->transform(count())
      ->capture_default_str();
  command->add_option("--jitter", o->jitter, "A copy begins up to so much after its original")
      ->capture_default_str()
      ->type_name("DURATION");
  add_rewrite_options(*command, o->rewrite);
  command->footer("Example:\n  kvtrace scale workloads/chat.jsonl --rate 2.5 -o busy.jsonl");
  command->callback([o, &exit_code] { exit_code = scale(*o); });
}

}  // namespace kvtool
