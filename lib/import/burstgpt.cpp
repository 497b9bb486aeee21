// BurstGPT (github.com/HPMLL/BurstGPT): CSV by names of columns; newer files tell sessions.
#include "import/csv.hpp"
#include "import/lengths.hpp"
#include "import/rows.hpp"
#include "import/times.hpp"

namespace kv {
namespace {

bool detect(const Sample& sample) {
  return sample.kind == Sample::Kind::csv && sample.has_column("Timestamp") &&
         (sample.has_column("Request tokens") || sample.has_column("Response tokens"));
}

struct Columns {
  std::size_t time, input, output;
  std::optional<std::size_t> total, model, kind, session;
};

Result<Columns> columns_of(const CsvTable& table) {
  const auto time = table.need("Timestamp"), input = table.need("Request tokens"),
             output = table.need("Response tokens");
  for (const auto* column : {&time, &input, &output}) {
    if (!*column) return error(*column);
  }
  return Columns{*time,
                 *input,
                 *output,
                 table.find("Total tokens"),
                 table.find("Model"),
                 table.find("Log Type"),
                 table.find("Session ID")};
}

std::string_view text_of(const CsvTable& table, std::optional<std::size_t> column) {
  return column ? std::string_view(table[*column]) : std::string_view();
}

Result<void> run(ImportJob& job) {
  auto lengths = LengthsOnly::make(job.options);
  if (!lengths) return error(lengths);
  job.requests.setup({.block_size = lengths->block_size(), .preferred_block_size = {}});
  auto table = CsvTable::open(std::move(job.source), job.name);
  if (!table) return error(table);
  const auto columns = columns_of(*table);
  if (!columns) return error(columns);
  for (;;) {
    const auto more = table->next();
    if (!more) return error(more);
    if (!*more) break;
    const auto at = parse_seconds((*table)[columns->time]);
    if (!at) return table->not_a(columns->time, "a number of seconds like 12.5");
    const auto prompt = table->count(columns->input, 0), answer = table->count(columns->output, 0);
    if (!prompt) return error(prompt);
    if (!answer) return error(answer);
    if (const auto total = columns->total ? table->count(*columns->total, 0) : *prompt + *answer;
        !total || *total != *prompt + *answer) {
      job.notes.tally("requests have other total tokens than request and response together: are columns shifted?",
                      table->line());
    }
    if (*prompt == 0) {
      job.notes.tally("requests without a prompt were left out", table->line());
      continue;
    }
    if (*answer == 0) job.notes.tally("requests have no answer (they failed, says the data set)", table->line());
    TraceLine request;
    request.line = table->line();
    request.at = *at;
    request.input = Tokens(*prompt);
    request.output = Tokens(*answer);
    request.origin.session = text_of(*table, columns->session);
    request.origin.group = text_of(*table, columns->model);
    request.origin.type = text_of(*table, columns->kind);
    const auto added = lengths->fill(request).and_then([&] { return job.requests.add(request); });
    if (!added) return table->bad(added.error().message, added.error().hint);
  }
  lengths->note(job.notes);
  return {};
}

}  // namespace

const ImportFormat kBurstgptFormat{
    .name = "burstgpt",
    .summary = "BurstGPT (CSV by names of columns): times in seconds, lengths; newer files tell sessions",
    .keeps = "session, model (as group_id) and log type",
    .options = LengthsOnly::options("512"),
    .detect = detect,
    .run = run};

}  // namespace kv
