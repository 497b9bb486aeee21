#include <doctest/doctest.h>
#include <rapidcheck.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "workload/distinct.hpp"
#include "workload/id_space.hpp"
#include "workload/merge.hpp"
#include "workload/sample.hpp"
#include "workload/scale.hpp"
#include "workload/trace_stream.hpp"
#include "workload/trace_writer.hpp"

#include <unistd.h>

using namespace kv;
using std::chrono::milliseconds;
using Seconds = std::chrono::seconds;

namespace {

/// A file that goes away again.
class File {
 public:
  explicit File(const std::string& text) {
    static int number = 0;
    path_ = (std::filesystem::temp_directory_path() /
             ("kvkit-rewriting-" + std::to_string(getpid()) + "-" + std::to_string(number++) + ".jsonl"))
                .string();
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~File() { std::filesystem::remove(path_); }
  File(const File&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::string line(std::uint64_t at_ms, const std::vector<BlockId>& ids, const std::string& session = "",
                 const std::string& tenant = "", std::uint64_t block_size = 16) {
  MemorySink sink;
  TraceWriter writer(sink);
  const Origin origin{.delay = std::nullopt, .session = session, .tenant = tenant, .group = {}, .type = "chat"};
  REQUIRE(writer.write({1, milliseconds(at_ms), Tokens(ids.size() * block_size), Tokens(5), ids, origin}));
  REQUIRE(writer.finish());
  return sink.text();
}

/// `trees` conversations behind block 0, `turns` turns each, one a second; turn t has t + 2 blocks.
std::string conversations(std::uint64_t trees, std::uint64_t turns) {
  std::string text;
  std::uint64_t at = 0;
  for (std::uint64_t turn = 0; turn < turns; ++turn) {
    for (std::uint64_t tree = 0; tree < trees; ++tree) {
      std::vector<BlockId> ids{0};
      for (std::uint64_t b = 0; b <= turn; ++b) ids.push_back(1 + tree * turns + b);
      text += line(1000 * at++, ids, "s" + std::to_string(tree), "t" + std::to_string(tree % 3));
    }
  }
  return text;
}

Workload read(const std::string& text) {
  ReadNotes notes;
  ReadOptions options;
  options.block_size = Tokens(16);
  auto workload = read_workload_text(text, "made", options, notes);
  REQUIRE_MESSAGE(workload, workload.error().message);
  return std::move(*workload);
}

ReadOptions of_16() {
  ReadOptions options;
  options.block_size = Tokens(16);
  return options;
}

struct Made {
  std::string text, failure;
  std::optional<MadeTrace> trace;
};
Made sampled(const std::string& text, const SampleOptions& options) {
  const File file(text);
  ReadNotes notes;
  MemorySink sink;
  auto made = sample_trace(file.path(), of_16(), notes, options, sink);
  return made ? Made{sink.text(), "", std::move(*made)} : Made{"", made.error().message, std::nullopt};
}
Made scaled(const std::string& text, const ScaleOptions& options) {
  const File file(text);
  ReadNotes notes;
  MemorySink sink;
  auto made = scale_trace(file.path(), of_16(), notes, options, sink);
  return made ? Made{sink.text(), "", std::move(*made)} : Made{"", made.error().message, std::nullopt};
}
Made merged(const std::vector<std::string>& texts, const MergeOptions& options, const ReadOptions& how = of_16()) {
  std::vector<std::unique_ptr<File>> files;
  std::vector<std::string> paths;
  for (const std::string& text : texts) {
    files.push_back(std::make_unique<File>(text));
    paths.push_back(files.back()->path());
  }
  std::vector<ReadNotes> notes;
  MemorySink sink;
  auto made = merge_traces(paths, how, notes, options, sink);
  return made ? Made{sink.text(), "", std::move(*made)} : Made{"", made.error().message, std::nullopt};
}

double ideal(const Workload& w) {
  return static_cast<double>(ideal_hits(w).block_hits) / static_cast<double>(summarize(w).block_refs);
}

}  // namespace

TEST_SUITE("trace sample") {
  TEST_CASE("nothing asked, nothing changed but the spelling") {
    const std::string text = conversations(3, 2);
    CHECK(sampled(text, {}).text == text);
  }

  TEST_CASE("keeps the trees that --sample of every other command keeps") {
    const std::string text = conversations(200, 3);
    Selection selection;
    selection.sample = 0.25;
    selection.seed = 7;
    selection.skip = 5;
    selection.requests = 40;
    const auto made = sampled(text, {selection, {}, {}, false});
    const auto selected = select(read(text), selection);
    REQUIRE(selected);
    const Workload w = read(made.text);
    REQUIRE(w.size() == selected->workload.size());
    for (std::size_t i = 0; i < w.size(); ++i) {
      CHECK(w[i].at == selected->workload[i].at);
      CHECK(w.id(w[i].blocks.back()) == selected->workload.id(selected->workload[i].blocks.back()));
    }
    CHECK(made.text.find("\"session_id\": \"s") != std::string::npos);
    CHECK(made.text.find("\"type\": \"chat\"") != std::string::npos);
  }

  TEST_CASE("tells how far the sample is from the whole, as select does") {
    const std::string text = conversations(200, 3);
    Selection selection;
    selection.sample = 0.25;
    const auto made = sampled(text, {selection, {}, {}, false});
    const auto selected = select(read(text), selection);
    const SampleError error = sample_error(made.trace->whole, made.trace->made);
    CHECK(error.requests_share == selected->sample_error->requests_share);
    CHECK(error.block_refs_share == selected->sample_error->block_refs_share);
    CHECK(error.input_tokens_share == selected->sample_error->input_tokens_share);
    CHECK(error.full_ideal_block_hit_rate == selected->sample_error->full_ideal_block_hit_rate);
    CHECK(error.sample_ideal_block_hit_rate == selected->sample_error->sample_ideal_block_hit_rate);
  }

  TEST_CASE("a window counts from the first request, and begins at 0 unless times are kept") {
    const std::string text = line(5000, {1}) + line(6000, {2}) + line(7500, {3}) + line(9000, {4});
    const auto made = sampled(text, {{}, Seconds(1), Seconds(4), false});
    CHECK(made.text == line(0, {2}) + line(1500, {3}));
    CHECK(sampled(text, {{}, Seconds(1), Seconds(4), true}).text == line(6000, {2}) + line(7500, {3}));
    CHECK(sampled(text, {{}, {}, Seconds(2), false}).text == line(5000, {1}) + line(6000, {2}));
    CHECK(sampled(text, {{}, Seconds(3), Seconds(3), false}).failure.find("--to") != std::string::npos);
    CHECK(sampled(text, {{}, Seconds(30), {}, false}).failure.find("none of 4 requests") != std::string::npos);
  }
}

TEST_SUITE("trace merge") {
  TEST_CASE("by time, of equal times the earlier input first; ids and names are kept apart") {
    const auto made =
        merged({line(0, {0, 1}, "a", "x") + line(9, {0, 1}), line(9, {0, 1}, "a") + line(10, {0, 2})}, {});
    CHECK(made.text == line(0, {0, 2}, "1/a", "1/x") + line(9, {0, 2}) + line(9, {1, 3}, "2/a") + line(10, {1, 5}));
    CHECK(made.trace->made.unique_blocks() == 5);
  }

  TEST_CASE("with same ids inputs share blocks, and a block of two parents is refused") {
    MergeOptions options;
    options.same_ids = true;
    const auto made = merged({line(0, {0, 1}, "a"), line(9, {0, 1}, "a")}, options);
    CHECK(made.text == line(0, {0, 1}, "a") + line(9, {0, 1}, "a"));
    std::string one, other;
    for (BlockId id = 0; id < 1000; ++id) {  // 1/64 of the ids is looked at
      one += line(id, {2 * id, 2 * id + 1});
      other += line(id, {2 * id + 1});
    }
    CHECK_FALSE(merged({one, other}, options).failure.empty());
  }

  TEST_CASE("tenants are named after their files, and each input can begin at 0") {
    MergeOptions options;
    options.name_tenants = options.align = true;
    const auto made = merged({line(100, {0}), line(7, {0}) + line(9, {1})}, options);
    const Workload w = read(made.text);
    REQUIRE(w.size() == 3);
    CHECK(w.tenants() == 2);
    CHECK(w[0].at == Duration(0));
    CHECK(w[1].at == Duration(0));
    CHECK(w[2].at == milliseconds(2));
    CHECK(w[2].tenant == w[1].tenant);
  }

  TEST_CASE("inputs of different block sizes are refused, with the place") {
    const auto made = merged({line(0, {0, 1, 2}), line(1, {0, 1, 2}, "", "", 32)}, {}, ReadOptions{});
    CHECK(made.failure.find(".jsonl:1: 96 tokens in 3 blocks") != std::string::npos);
  }

  TEST_CASE("ids of several spaces never meet, small ones stay small, large ones go to the upper half") {
    const IdSpaces spaces(3);
    std::set<BlockId> seen;
    for (std::uint64_t space = 0; space < 3; ++space) {
      for (const BlockId id :
           {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{77}, UINT64_MAX / 6, UINT64_MAX - 1, UINT64_MAX}) {
        CHECK(seen.insert(spaces.id(space, id)).second);
      }
    }
    CHECK(spaces.id(2, 77) == 233);
    CHECK(IdSpaces(1).id(0, UINT64_MAX) == UINT64_MAX);
  }
}

TEST_SUITE("trace scale") {
  TEST_CASE("k times the users: requests and blocks grow by k, the ideal hit rate and the pace stay") {
    const std::string text = conversations(300, 4);
    const Workload before = read(text);
    for (const double rate : {2.0, 3.0, 2.5, 0.5}) {
      const auto made = scaled(text, {rate, 1, Seconds(10)});
      REQUIRE_MESSAGE(made.trace, made.failure);
      const Workload after = read(made.text);
      const double tolerance = rate == std::floor(rate) ? 1e-9 : 0.15;  // a share of 300 trees: sigma is 9 of 150
      const auto grown = [](auto a, auto b) { return static_cast<double>(a) / static_cast<double>(b); };
      CHECK(grown(after.size(), before.size()) == doctest::Approx(rate).epsilon(tolerance));
      CHECK(grown(after.unique_blocks() - 1, before.unique_blocks() - 1) == doctest::Approx(rate).epsilon(tolerance));
      CHECK(ideal(after) == doctest::Approx(ideal(before)).epsilon(0.01));
      const auto span = [](const Workload& w) { return w[w.size() - 1].at - w[0].at; };
      CHECK(span(after) <= span(before) + Seconds(10));
      CHECK(span(after) >= span(before) - Seconds(10));
    }
  }

  TEST_CASE("a copy has ids of its own behind the common run, a session of its own, and keeps its pace") {
    const std::string text = line(0, {0, 1}, "a") + line(5000, {0, 1, 2}, "a") + line(6000, {0, 7}, "b");
    const auto made = scaled(text, {2, 3, Seconds(2)});
    const Workload w = read(made.text);
    REQUIRE(w.size() == 6);
    CHECK(w.sessions() == 4);
    CHECK(w.unique_blocks() == 1 + 2 * 3);
    std::map<std::uint32_t, std::vector<Duration>> times;
    for (std::size_t i = 0; i < w.size(); ++i) {
      CHECK(w.id(w[i].blocks.front()) == 0);
      times[*w[i].session].push_back(w[i].at);
    }
    for (const auto& [session, at] : times) {
      if (at.size() == 2) CHECK(at[1] - at[0] == Seconds(5));
    }
  }

  TEST_CASE("one is one, and what cannot be is refused") {
    const std::string text = conversations(3, 2);
    CHECK(scaled(text, {1, 1, Seconds(10)}).text == text);
    CHECK_FALSE(scaled(text, {0, 1, Seconds(10)}).failure.empty());
    CHECK_FALSE(scaled(text, {std::nan(""), 1, Seconds(10)}).failure.empty());
    CHECK_FALSE(scaled(text, {1e9, 1, Seconds(10)}).failure.empty());
    CHECK_FALSE(scaled(text, {1e-9, 1, Seconds(10)}).failure.empty());
  }
}

TEST_SUITE("trace stream") {
  TEST_CASE("pulls what stream_workload pushes, and fails where it fails") {
    const File good(conversations(3, 2)), bad(line(5, {1}) + line(4, {2}));
    ReadNotes notes;
    TraceLine request;
    auto stream = TraceStream::open(good.path(), {}, notes);
    REQUIRE(stream);
    std::uint64_t requests = 0;
    for (auto more = stream->next(request); more && *more; more = stream->next(request)) ++requests;
    CHECK(requests == 6);
    REQUIRE(stream->block_size());
    CHECK(*stream->block_size() == Tokens(16));
    auto unsorted = TraceStream::open(bad.path(), {}, notes);
    REQUIRE(unsorted->next(request));
    const auto failed = unsorted->next(request);
    REQUIRE_FALSE(failed);
    CHECK(failed.error().message.find(":2: timestamp") != std::string::npos);
    CHECK_FALSE(TraceStream::open("/nonexistent", {}, notes));
  }

  TEST_CASE("distinct values are counted exactly up to what is kept, and beyond it nearly") {
    DistinctCount exact(1000), nearly(4096);
    for (std::uint64_t round = 0; round < 2; ++round) {
      for (std::uint64_t i = 0; i < 1000; ++i) exact.add(i * i);
      for (std::uint64_t i = 0; i < 100'000; ++i) nearly.add(i);
    }
    CHECK(exact.exact());
    CHECK(exact.count() == 1000);
    CHECK_FALSE(nearly.exact());
    CHECK(static_cast<double>(nearly.count()) == doctest::Approx(100'000).epsilon(0.08));  // 4 sigma
  }
}
