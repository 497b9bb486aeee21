#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <set>

#include "support/generated.hpp"

TEST_SUITE("generator components") {
  using namespace kv;
  using test::generate, test::generate_workload, test::Generated;

  std::string poisson(double rate, const std::string& first) {
    return first + fmt::format("[arrivals]\ntype = \"poisson\"\nrate_per_s = {}\n", rate);
  }

  TEST_CASE("agents are dialogues with tools") {
    const Generated made = generate(poisson(0.001, "requests = 4\noutput_tokens_per_s = 10\n") +
                                    "[[component]]\ntype = \"agent\"\nname = \"coder\"\ntools_tokens = 512\nsteps = 4\n"
                                    "task_tokens = 100\nresult_tokens = 400\noutput_tokens = 20\ntool_s = 3\n");
    REQUIRE(made.counts.sessions == 1);
    for (std::size_t i = 0; i < 4; ++i) {
      CHECK(made.lines[i].input == 612 + 420 * i);
      CHECK(made.lines[i].type == "coder");
      CHECK(made.lines[i].session == "1");
      if (i > 0) CHECK(made.lines[i].at - made.lines[i - 1].at >= std::chrono::milliseconds(4999));
      if (i > 0) CHECK(made.lines[i].delay == std::chrono::seconds(3));
    }
  }

  TEST_CASE("documents are shared as often as their popularity says") {
    // A block each and a question of its own: a request hits if its document came up before.
    constexpr int kRequests = 5000, kDocuments = 800;
    const std::string rag = fmt::format(
        "[[component]]\ntype = \"rag\"\ndocuments = {}\nzipf = 0.8\ndocument_tokens = 512\nquestion_tokens = 100\n"
        "output_tokens = 10\n",
        kDocuments);
    double total = 0, seen = 0, variance = 0;
    for (int i = 1; i <= kDocuments; ++i) total += std::pow(i, -0.8);
    for (int i = 1; i <= kDocuments; ++i) {
      const double never = std::pow(1 - std::pow(i, -0.8) / total, kRequests);
      seen += 1 - never;
      variance += never * (1 - never);
    }
    const Workload workload = generate_workload(poisson(10, "requests = 5000\n") + rag, Tokens(512));
    const double expected = kRequests - seen;
    CHECK(std::abs(static_cast<double>(ideal_hits(workload).block_hits) - expected) < 5 * std::sqrt(variance));
  }

  TEST_CASE("a document is shared where the same ones stand before it, and has one length everywhere") {
    const Generated made = generate(poisson(10, "requests = 3000\nblock_size = 64\n") +
                                    "[[component]]\ntype = \"rag\"\nsystem_tokens = 64\ndocuments = 20\n"
                                    "document_tokens = { type = \"uniform\", min = 100, max = 900 }\n"
                                    "per_request = 3\nchoices = 2\nquestion_tokens = 1\noutput_tokens = 10\n");
    std::set<std::uint64_t> lengths;
    for (const auto& line : made.lines) lengths.insert(line.input);
    CHECK(lengths.size() > 20);
    CHECK(lengths.size() <= 20 * 2 * 2);  // so many orders there are
    // No more blocks than all orders have, and a partial one a request.
    CHECK(made.counts.unique_blocks < 3000 + 1 + (20 + 40 + 80) * 16);
  }

  TEST_CASE("documents that do not fit are left out") {
    const Generated made = generate(poisson(10, "requests = 100\nmax_input_tokens = 1000\n") +
                                    "[[component]]\ntype = \"rag\"\ndocuments = 20\ndocument_tokens = 400\n"
                                    "per_request = 3\nquestion_tokens = 50\noutput_tokens = 10\n");
    for (const auto& line : made.lines) CHECK(line.input == 850);
  }

  TEST_CASE("a job's requests share their prefix and carry its group") {
    const Generated made =
        generate(poisson(0.0001, "requests = 50\n") +
                 "[[component]]\ntype = \"batch\"\nprefix_tokens = 1024\nitems = 50\nitem_tokens = 600\n"
                 "output_tokens = 1\ngap_s = 0.5\n");
    for (std::size_t i = 0; i < made.lines.size(); ++i) {
      const auto& line = made.lines[i];
      CHECK(line.group == "1");
      CHECK(line.session.empty());
      CHECK_FALSE(line.delay);
      CHECK(line.ids.size() == 4);
      CHECK(line.ids[0] == 0);
      CHECK(line.ids[1] == 1);
      CHECK(line.ids[2] == 2 + 2 * i);
      CHECK(line.at - made.lines[0].at - std::chrono::milliseconds(500 * i) < std::chrono::milliseconds(2));
    }
  }
}
