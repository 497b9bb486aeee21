#pragma once
#include <string>
#include <vector>

#include "report/document.hpp"
#include "report/text.hpp"

namespace kv {

/// What the table and the Markdown show, apart from how.

/// "machine" -> "AMD EPYC, 2 cores, ...": tool, machine, workload, model.
struct HeaderLine {
  std::string title, text;
};
std::vector<HeaderLine> header_lines(const Json& report);

/// One row per run; columns are the fields with a heading. Columns of errors are there only if something failed.
Table runs_table(const Json& report);
/// Of each row: 1 a gain, -1 a loss, 0 neither (or not judged). For colour.
std::vector<int> runs_mood(const Json& report);

/// Where the time of one run went: mean per request and share, of the time to the first token and of storing.
struct PhaseLines {
  std::string name, first_token, store;
  std::string break_even, policy, logits;  ///< see below
};
std::vector<PhaseLines> phase_lines(const Json& report);

/// "fetching takes 1.2 ms and 2.10 GB/s, and wins from 2,048 tokens on ...": of a row that was served something.
std::string break_even_line(const Json& run);
/// What a policy that does not always fetch did, and how far from the best.
std::string policy_line(const Json& run);
/// What --check-logits found; empty where it was not asked for.
std::string logits_line(const Json& run);
/// In words, each row whose cache loses: fetching its mean hit takes longer than recomputing it.
std::vector<std::string> loss_notes(const Json& report);

/// "memory copy 8.20 GB/s, TCP 4.10 GB/s, unix socket 6.00 GB/s".
std::string limits_line(const Json& report);
/// "3.1 us per request (null:)"; empty if not measured.
std::string harness_line(const Json& report);
/// Top-level warnings, those of rows with their row's name (once where all rows have them), and errors.
std::vector<std::string> warning_lines(const Json& report);

}  // namespace kv
