#include "workload/sample.hpp"

#include <memory>

#include "base/parse.hpp"
#include "commands.hpp"
#include "common/workload_input.hpp"
#include "rewriting.hpp"

namespace kvtool {
namespace {

struct Options {
  std::string path, share = "1", from, to;
  std::uint64_t seed = 1, skip = 0;
  std::optional<std::uint64_t> requests;
  bool keep_times = false;
  RewriteOptions rewrite;
};

/// A time since the first request, from 0 on; nothing where none was given.
kv::Result<std::optional<kv::Duration>> time_of(const char* option, const std::string& text) {
  if (text.empty()) return std::optional<kv::Duration>();
  const auto parsed = kv::parse_duration(text);
  if (!parsed) return in_option(option, parsed.error());
  return std::optional(*parsed);
}

kv::Result<kv::SampleOptions> options_of(const Options& o) {
  const auto share = kv::parse_ratio(o.share);
  if (!share) return in_option("--share", share.error());
  const auto from = time_of("--from", o.from), to = time_of("--to", o.to);
  if (!from) return kv::error(from);
  if (!to) return kv::error(to);
  return kv::SampleOptions{{*share, o.seed, o.skip, o.requests}, *from, *to, o.keep_times};
}

int sample(const Options& o) {
  const auto options = options_of(o);
  if (!options) return fail(options.error());
  const auto input = options->selection.sample < 1 ? Rereadable::open(o.path) : Rereadable(o.path);
  if (!input) return fail(input.error());
  return rewrite(o.rewrite, [&](const kv::ReadOptions& read, kv::ByteSink& out) -> kv::Result<kv::MadeTrace> {
    kv::ReadNotes notes;
    auto made = kv::sample_trace(input->path(), read, notes, *options, out);
    if (!made) return tl::unexpected<kv::Error>(input->named(made.error()));
    say_notes(notes);
    say(sample_note(kv::sample_error(made->whole, made->made)) + "\n");
    return made;
  });
}

}  // namespace

void add_sample(CLI::App& app, int& exit_code) {
  CLI::App* command =
      app.add_subcommand("sample", "Cut a smaller trace out of a large one: prefix trees, a time window");
  const auto o = std::make_shared<Options>();
  command->add_option("TRACE", o->path, "Mooncake-format JSONL; .gz and .zst too, - for stdin")->required();
  command->add_option("--share", o->share, "Share of whole prefix trees to keep, as 0.1 or 10%")->capture_default_str();
  command->add_option("--seed", o->seed, "Which trees")->transform(count())->capture_default_str();
  command->add_option("--from", o->from, "Leave out what arrives before, counted from the first request; it becomes 0")
      ->type_name("DURATION");
  command->add_option("--to", o->to, "Leave out what arrives from then on")->type_name("DURATION");
  command->add_flag("--keep-times", o->keep_times, "With --from: leave timestamps as they are");
  command->add_option("--skip", o->skip, "Leave out this many requests of those")
      ->transform(count())
      ->capture_default_str();
  command->add_option("--requests", o->requests, "Keep this many requests")->transform(count());
  add_rewrite_options(*command, o->rewrite);
  command->footer(
      "Examples:\n  kvtrace sample workloads/chat.jsonl --share 0.1 -o small.jsonl.zst\n"
      "  kvtrace sample workloads/chat.jsonl --from 10m --to 20m -o window.jsonl");
  command->callback([o, &exit_code] { exit_code = sample(*o); });
}

}  // namespace kvtool
