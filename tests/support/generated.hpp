#pragma once
#include <doctest/doctest.h>

#include <string>
#include <vector>

#include "profile/generator.hpp"
#include "workload/trace_writer.hpp"

namespace kv::test {

/// A generated request that outlives the call.
struct GeneratedLine {
  Duration at{};
  std::uint64_t input = 0, output = 0;
  std::vector<BlockId> ids;
  std::string session, tenant, group, type;
  std::optional<Duration> delay;
};

struct Generated {
  std::vector<GeneratedLine> lines;
  std::string text;  ///< as TraceWriter writes it
  GeneratedCounts counts;
};

/// What a profile that must be good makes.
inline Generated generate(const std::string& profile, const GenerateOptions& options = {}) {
  const auto generator = parse_profile(profile, "test.toml");
  if (!generator) FAIL(generator.error().message << "; " << generator.error().hint);
  Generated out;
  MemorySink sink;
  TraceWriter writer(sink);
  const auto counts = (*generator)->run(options, [&](const TraceLine& line) -> Result<bool> {
    if (const auto written = writer.write(line); !written) return error(written);
    const Origin& o = line.origin;
    out.lines.push_back({line.at,
                         line.input.count(),
                         line.output.count(),
                         {line.ids.begin(), line.ids.end()},
                         std::string(o.session),
                         std::string(o.tenant),
                         std::string(o.group),
                         std::string(o.type),
                         o.delay});
    return true;
  });
  if (!counts) FAIL(counts.error().message);
  REQUIRE(writer.finish());
  out.text = sink.text();
  out.counts = *counts;
  return out;
}

/// The same, read back as any trace is.
inline Workload generate_workload(const std::string& profile, Tokens block_size, const GenerateOptions& options = {}) {
  ReadNotes notes;
  auto workload = read_workload_text(generate(profile, options).text, "generated", {block_size, false}, notes);
  if (!workload) FAIL(workload.error().message);
  return std::move(*workload);
}

}  // namespace kv::test
