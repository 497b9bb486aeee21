#include <doctest/doctest.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include <filesystem>
#include <fstream>

#include "workload/byte_source.hpp"
#include "workload/read.hpp"

using namespace kv;

namespace {

std::string trace(int requests) {
  std::string text;
  for (int i = 0; i < requests; ++i) {
    text +=
        fmt::format("{{\"timestamp\": {}, \"input_length\": 33, \"output_length\": 1, \"hash_ids\": [0, {}, {}]}}\n", i,
                    2 * i + 1, 2 * i + 2);
  }
  return text;
}

std::string gzip(const std::string& plain) {
  std::string packed(plain.size() + 1000, '\0');
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string in = plain;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

std::string zstd(const std::string& plain) {
  std::string packed(ZSTD_compressBound(plain.size()), '\0');
  const std::size_t size = ZSTD_compress(packed.data(), packed.size(), plain.data(), plain.size(), 3);
  REQUIRE(ZSTD_isError(size) == 0);
  packed.resize(size);
  return packed;
}

Result<std::uint64_t> refs(const std::string& bytes) {
  ReadNotes notes;
  const auto w = read_workload_text(bytes, "t", {}, notes);
  if (!w) return error(w);
  return summarize(*w).block_refs;
}

/// A file that is gone when the test is.
class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& bytes)
      : path_(std::filesystem::temp_directory_path() / fmt::format("kvkit_source_test_{}", ::getpid())) {
    std::ofstream(path_, std::ios::binary) << bytes;
  }
  ~TemporaryFile() { std::filesystem::remove(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace

TEST_SUITE("workload source") {
  TEST_CASE("gzip and zstd read like the plain bytes, in any number of pieces") {
    const std::string text = trace(20000);
    CHECK(refs(text).value() == 60000);
    CHECK(refs(gzip(text)).value() == 60000);
    CHECK(refs(zstd(text)).value() == 60000);
    const std::string first = text.substr(0, 100001), second = text.substr(100001);
    CHECK(refs(gzip(first) + gzip(second)).value() == 60000);
    CHECK(refs(zstd(first) + zstd(second)).value() == 60000);
  }

  TEST_CASE("a compressed file that stops short or is damaged names itself") {
    const std::string text = trace(2000);
    for (const std::string& packed : {gzip(text), zstd(text)}) {
      for (const std::size_t cut : {packed.size() - 1, packed.size() / 2, std::size_t{30}}) {
        const auto short_one = refs(packed.substr(0, cut));
        REQUIRE_FALSE(short_one.has_value());
        INFO(short_one.error().message);
        CHECK(short_one.error().message.rfind("t: ", 0) == 0);
        CHECK(short_one.error().message.find("ends too early") != std::string::npos);
      }
      std::string damaged = packed;
      for (std::size_t i = damaged.size() / 2; i < damaged.size() / 2 + 20; ++i) damaged[i] = '\x5a';
      CHECK_FALSE(refs(damaged).has_value());
      CHECK_FALSE(refs(packed + "tail").has_value());
    }
  }

  TEST_CASE("a zstd window beyond 128 MiB is no damage: it can be unpacked first") {
    ZSTD_CCtx* context = ZSTD_createCCtx();
    REQUIRE(ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 28)) == 0);
    const std::string plain = trace(10);
    // Of unknown length, as from a pipe: else zstd narrows the window to what there is.
    std::string packed(1000, '\0');
    ZSTD_inBuffer in{plain.data(), plain.size(), 0};
    ZSTD_outBuffer out{packed.data(), packed.size(), 0};
    REQUIRE(ZSTD_isError(ZSTD_compressStream2(context, &out, &in, ZSTD_e_flush)) == 0);
    ZSTD_freeCCtx(context);
    packed.resize(out.pos);
    ReadNotes notes;
    CHECK(read_workload_text(packed, "t", {}, notes).error().hint.find("unpack it first") == 0);
  }

  TEST_CASE("a file and standard input read alike") {
    const TemporaryFile file(gzip(trace(100)));
    ReadNotes notes;
    CHECK(summarize(read_workload(file.path(), {}, notes).value()).block_refs == 300);

    const int saved = ::dup(STDIN_FILENO), fd = ::open(file.path().c_str(), O_RDONLY);
    REQUIRE(fd >= 0);
    ::dup2(fd, STDIN_FILENO);
    const auto from_stdin = read_workload("-", {}, notes);
    ::dup2(saved, STDIN_FILENO);
    ::close(saved);
    ::close(fd);
    REQUIRE(from_stdin.has_value());
    CHECK(summarize(*from_stdin).block_refs == 300);
    CHECK(source_name("-") == "stdin");
  }

  TEST_CASE("what cannot be opened says why and what to do") {
    ReadNotes notes;
    const auto missing = read_workload("/no/such/file", {}, notes);
    REQUIRE_FALSE(missing);
    CHECK(missing.error().code == Code::bad_input);
    CHECK(missing.error().message == "cannot open /no/such/file: No such file or directory");
    CHECK_FALSE(missing.error().hint.empty());
    CHECK(read_workload("/", {}, notes).error().message == "/ is a directory");
  }

  TEST_CASE("streaming hands out every line and finds the block size") {
    const TemporaryFile file(trace(1000));
    ReadNotes notes;
    std::uint64_t ids = 0, lines = 0;
    const auto size = stream_workload(file.path(), {}, notes, [&](const TraceLine& line) {
      ids += line.ids.size();
      CHECK(line.line == ++lines);
      return true;
    });
    REQUIRE(size.has_value());
    CHECK(*size == Tokens(16));
    CHECK(ids == 3000);

    const auto stopped = stream_workload(file.path(), {}, notes, [&](const TraceLine& line) { return line.line < 5; });
    REQUIRE(stopped.has_value());
    CHECK(*stopped == std::nullopt);
    CHECK(notes.lines == 5);
  }

  TEST_CASE("streaming checks what it can see") {
    const auto message = [](const std::string& text, const ReadOptions& options = {}) {
      const TemporaryFile file(text);
      ReadNotes notes;
      const auto size = stream_workload(file.path(), options, notes, [](const TraceLine&) { return true; });
      return size ? std::string() : size.error().message.substr(size.error().message.find_last_of('/') + 1);
    };
    const auto ends = [](const std::string& text, const std::string& end) {
      INFO(text);
      return text.size() >= end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
    };
    const std::string later =
        "{\"timestamp\": 9, \"input_length\": 33, \"output_length\": 1, \"hash_ids\": [0, 500, 500]}\n";
    CHECK(ends(message(trace(10) + later), ":11: hash_ids holds id 500 twice"));
    CHECK(ends(message(trace(11) + later), ":12: timestamp 9 is before that of the request in front of it, 10"));
    CHECK(ends(message(""), ": there is no request in it"));
    CHECK(message("", {std::nullopt, true}) == "streaming a trace with --lenient needs its block size");
    CHECK(message(trace(10) + later, {Tokens(16), true}).empty());
  }
}
