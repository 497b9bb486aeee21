#pragma once
#include <array>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "import/registry.hpp"

namespace kv {

inline constexpr Tokens kAiperfBlock{512};  ///< what AIPerf takes where nothing else is said

/// One row of a trace with sessions, as it stands.
struct SessionRow {
  std::uint64_t line = 0;
  std::optional<Duration> at, delay;
  Tokens input, output;
  std::array<std::string, 4> names;  ///< session, tenant, group, type
  std::vector<BlockId> ids;          ///< may be empty
};

/// What a session's later rows carry: its whole prompts, or only the tokens and ids that are new.
enum class Turns { automatic, whole, only_new };

/// Rows of sessions, in the order of the file. All are held (8 bytes an id and about 150 a row), because what the rows
/// carry, and the block size, are known only when all were seen. Not thread-safe.
class Sessions {
 public:
  /// Fails (bad_input, without a place) if the ids fit the length at no block size, or not at the one given.
  Result<void> add(const SessionRow& row, std::optional<Tokens> block_size);
  /// Adds all rows to the job's requests, whole, with a time each: its own, else the previous turn's and the delay.
  /// Errors (bad_input) name file:line.
  Result<void> finish(ImportJob& job, Turns turns, std::optional<Tokens> block_size);

 private:
  struct Row {
    std::uint64_t line;
    std::optional<Duration> at, delay;
    Tokens input, output;
    std::size_t first_id, ids;
    std::array<std::string, 4> names;
  };
  static constexpr std::uint64_t kMaxReferences = 2'000'000'000;  // 16 GB where they are sorted

  struct Session {
    std::vector<std::size_t> rows;
    std::uint64_t begins_anew = 0;  // later rows whose first block is another than the session's first
    std::uint64_t goes_on = 0;      // and those where it is the same
  };
  std::span<const BlockId> ids(const Row& row) const { return std::span(ids_).subspan(row.first_id, row.ids); }
  Result<Tokens> block_size(ImportJob& job, std::optional<Tokens> given) const;
  bool only_new(const Session& session, Turns turns) const;
  void note(ImportJob& job, Turns turns) const;
  Result<Duration> time_of(ImportJob& job, const Row& row, std::optional<Duration> previous) const;
  Result<void> append_blocks(ImportJob& job, const Row& row, Tokens block_size, std::vector<BlockId>& whole);
  Result<void> give(ImportJob& job, const Session& session, bool rebuild, Tokens block_size);

  std::vector<Row> rows_;
  std::vector<BlockId> ids_;
  std::vector<Session> sessions_;  // in order of appearance; rows without a session are one each
  std::unordered_map<std::string, std::size_t> by_name_;
  std::optional<BlockSizeFit> fit_;
  std::uint64_t anew_ = 0, on_ = 0;  // over all sessions
  std::uint64_t references_ = 0;     // block references given on
};

}  // namespace kv
