#pragma once
#include <CLI/CLI.hpp>
#include <functional>
#include <optional>
#include <string>

#include "common/output.hpp"
#include "workload/sample.hpp"

namespace kvtool {

/// What commands that make a trace of traces have in common.
struct RewriteOptions {
  std::optional<std::uint64_t> block_size;
  bool lenient = false;
  std::string output;
};
void add_rewrite_options(CLI::App& command, RewriteOptions& options);

/// A file that can be read twice: the path itself, or, for what is no regular file, a copy without a name.
class Rereadable {
 public:
  static kv::Result<Rereadable> open(const std::string& path);
  /// For who reads it once: never a copy.
  explicit Rereadable(const std::string& path) : path_(path), original_(path) {}
  Rereadable(Rereadable&& other) noexcept;
  Rereadable& operator=(Rereadable&&) = delete;
  ~Rereadable();
  const std::string& path() const { return path_; }
  /// Errors name what the user did.
  kv::Error named(kv::Error error) const;

 private:
  std::string path_, original_;
  int fd_ = -1;
};

/// Opens the output (packed by its ending), runs `make`, and says what became of it on stderr. Gives the exit code.
using Make = std::function<kv::Result<kv::MadeTrace>(const kv::ReadOptions&, kv::ByteSink&)>;
int rewrite(const RewriteOptions& options, const Make& make);
/// Says how many bad lines were skipped.
void say_notes(const kv::ReadNotes& notes);

}  // namespace kvtool
