// Azure's LLM inference traces of 2023 and 2024 (github.com/Azure/AzurePublicDataset): CSV, a clock's time and lengths.
#include "import/csv.hpp"
#include "import/lengths.hpp"
#include "import/rows.hpp"
#include "import/times.hpp"

namespace kv {
namespace {

bool detect(const Sample& sample) {
  return sample.kind == Sample::Kind::csv &&
         (sample.has_column("ContextTokens") || sample.has_column("GeneratedTokens"));
}

Result<void> run(ImportJob& job) {
  auto lengths = LengthsOnly::make(job.options);
  if (!lengths) return error(lengths);
  job.requests.setup({.block_size = lengths->block_size(), .preferred_block_size = {}, .starts_at_zero = true});
  auto table = CsvTable::open(std::move(job.source), job.name);
  if (!table) return error(table);
  const auto time = table->need("TIMESTAMP"), input = table->need("ContextTokens"),
             output = table->need("GeneratedTokens");
  for (const auto* column : {&time, &input, &output}) {
    if (!*column) return error(*column);
  }
  for (;;) {
    const auto more = table->next();
    if (!more) return error(more);
    if (!*more) break;
    TraceLine request;
    request.line = table->line();
    const auto at = parse_date_time((*table)[*time]);
    if (!at) return table->not_a(*time, "a time like 2023-11-16 18:17:03.9799600");
    const auto prompt = table->count(*input, 0), answer = table->count(*output, 0);
    if (!prompt) return error(prompt);
    if (!answer) return error(answer);
    if (*prompt == 0) {
      job.notes.tally("requests without a prompt were left out", table->line());
      continue;
    }
    request.at = *at;
    request.input = Tokens(*prompt);
    request.output = Tokens(*answer);
    const auto added = lengths->fill(request).and_then([&] { return job.requests.add(request); });
    if (!added) return table->bad(added.error().message, added.error().hint);
  }
  lengths->note(job.notes);
  return {};
}

}  // namespace

const ImportFormat kAzureFormat{.name = "azure",
                                .summary = "Azure LLM inference traces of 2023 and 2024 (CSV): time and lengths alone",
                                .keeps = "nothing else",
                                .options = LengthsOnly::options("512"),
                                .detect = detect,
                                .run = run};

}  // namespace kv
