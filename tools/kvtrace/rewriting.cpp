#include "rewriting.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "base/parse.hpp"
#include "common/workload_input.hpp"
#include "workload/byte_source.hpp"

namespace kvtool {
namespace {

using kv::Code;
using kv::error;
using kv::Result;

tl::unexpected<kv::Error> cannot_copy(const std::string& path, const char* what) {
  return error(
      Code::io,
      fmt::format("{} cannot be copied to be read twice: {}: {}", kv::source_name(path), what, std::strerror(errno)),
      "set TMPDIR to a directory with room, or name a file");
}

/// A file without a name in $TMPDIR.
int nameless_file() {
  const char* directory = std::getenv("TMPDIR");
  std::string name = std::string(directory != nullptr && *directory != '\0' ? directory : "/tmp") + "/kvtrace-XXXXXX";
  const int fd = mkostemp(name.data(), O_CLOEXEC);
  if (fd >= 0) unlink(name.c_str());
  return fd;
}

bool copy(int from, int to) {
  std::vector<char> buffer(std::size_t{1} << 20);
  for (;;) {
    const ssize_t got = read(from, buffer.data(), buffer.size());
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    for (ssize_t done = 0; done < got;) {
      const ssize_t put = write(to, buffer.data() + done, static_cast<std::size_t>(got - done));
      if (put < 0 && errno == EINTR) continue;
      if (put < 0) return false;
      done += put;
    }
  }
}

std::string summary(const kv::MadeTrace& made) {
  const kv::TraceFigures &a = made.whole, &b = made.made;
  return fmt::format("{} requests of {}, {} blocks of {}, {} unique of {}, ideal block hit rate {:.1f} % of {:.1f} %\n",
                     kv::format_count(b.requests()), kv::format_count(a.requests()), kv::format_count(b.block_refs()),
                     kv::format_count(a.block_refs()), kv::format_count(b.unique_blocks()),
                     kv::format_count(a.unique_blocks()), 100 * b.ideal_block_hit_rate(),
                     100 * a.ideal_block_hit_rate());
}

}  // namespace

void add_rewrite_options(CLI::App& command, RewriteOptions& o) {
  command
      .add_option("-o,--output", o.output,
                  "Write the trace here, packed if it ends in .gz or .zst; stdout if not given")
      ->type_name("FILE");
  command.add_option("--block-size", o.block_size, "Tokens per block; inferred from the trace if not given")
      ->transform(count())
      ->check(CLI::Range(1U, 1U << 24));
  command.add_flag("--lenient", o.lenient, "Skip and count bad lines; needs --block-size");
}

Rereadable::Rereadable(Rereadable&& other) noexcept
    : path_(std::move(other.path_)), original_(std::move(other.original_)), fd_(std::exchange(other.fd_, -1)) {}

Rereadable::~Rereadable() {
  if (fd_ >= 0) close(fd_);
}

Result<Rereadable> Rereadable::open(const std::string& path) {
  Rereadable out(path);
  struct stat file {};
  const bool standard = path == "-";
  if (!standard && (stat(path.c_str(), &file) != 0 || S_ISREG(file.st_mode) || S_ISDIR(file.st_mode))) return out;
  const int from = standard ? STDIN_FILENO : ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (from < 0) return out;  // whoever reads it says why it cannot be
  out.fd_ = nameless_file();
  const bool copied = out.fd_ >= 0 && copy(from, out.fd_);
  if (!copied) return cannot_copy(path, out.fd_ < 0 ? "no temporary file" : "copying failed");
  if (!standard) close(from);
  out.path_ = fmt::format("/dev/fd/{}", out.fd_);
  return out;
}

kv::Error Rereadable::named(kv::Error e) const {
  if (fd_ < 0) return e;
  for (auto at = e.message.find(path_); at != std::string::npos; at = e.message.find(path_, at + 1)) {
    e.message.replace(at, path_.size(), kv::source_name(original_));
  }
  return e;
}

int rewrite(const RewriteOptions& o, const Make& make) {
  kv::ReadOptions read;
  read.lenient = o.lenient;
  if (o.block_size) read.block_size = kv::Tokens(*o.block_size);
  auto file = OutputFile::open(o.output);
  if (!file) return fail(file.error());
  const auto packed = kv::packed_sink(*file, o.output);
  const auto made = make(read, *packed);
  if (!made) return fail(made.error());
  say(summary(*made));
  if (!made->tells_block_size) {
    say(fmt::format("its requests alone do not tell the block size: read it with --block-size {}\n",
                    made->block_size.count()));
  }
  return 0;
}

void say_notes(const kv::ReadNotes& notes) {
  if (notes.bad_lines == 0) return;
  say(fmt::format("{} bad lines were skipped, the first: {}\n", notes.bad_lines,
                  notes.first_bad.empty() ? std::string("?") : notes.first_bad.front()));
}

}  // namespace kvtool
