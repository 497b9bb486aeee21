#pragma once
#include <mutex>
#include <optional>
#include <string>

#include "backend/block_directory.hpp"
#include "backend/registry.hpp"

namespace kv {

/// What the memory behind an arena offers.
struct MemoryRoom {
  Bytes preset;        ///< capacity if the user gives none and as much is available
  Bytes available;     ///< a given capacity beyond this is refused before anything is measured
  std::string device;  ///< as in Capabilities
};

/// What tells local: from device:.
struct MemoryKind {
  std::string scheme;
  bool device_memory = false;
  Result<MemoryRoom> (*room)();
  Result<std::unique_ptr<Arena>> (*make_arena)(Granule granules, std::size_t granule_bytes);
};

/// Blocks in the memory of this process, under the eviction protocol of BlockCache.
///
/// Bodies lie in granules of one size (a power of two from 64 bytes to 2 MiB, about a sixteenth of the largest body),
/// so that free memory is never in pieces too small to use and capacity means what it says. A block weighs the granules
/// that its announced bytes need at most; with capacity_blocks every block weighs 1. Headers and the directory (about
/// 250 bytes a block and 150 a part) come on top. One mutex guards the directory; bytes are copied outside it.
class MemoryBackend final : public Backend {
 public:
  /// Fails (bad_input) on options that contradict each other.
  static Result<std::unique_ptr<Backend>> make(const MemoryKind& kind, const BackendSpec& spec);

  /// Takes the memory, no more of it than `needs` can fill, so that no store pays for it later.
  Result<void> start(const Needs& needs) override;
  Capabilities capabilities() const override;
  ServerInfo server() const override { return {}; }
  Result<std::unique_ptr<Session>> open() override;
  Result<BackendStats> stats() override;
  Result<void> clear() override;

 private:
  friend class MemorySession;
  MemoryBackend(const MemoryKind& kind, const BackendSpec& spec, const PolicyRow& policy);

  MemoryKind kind_;
  std::optional<Bytes> capacity_;
  std::optional<std::uint64_t> capacity_blocks_;
  const PolicyRow& policy_;
  std::uint32_t admit_ = 1;

  ArenaLayout layout_;
  Bytes nominal_;  // what capacities() says
  std::string device_;
  std::unique_ptr<Arena> arena_;
  std::mutex mutex_;  // guards *directory_
  std::optional<BlockDirectory> directory_;
};

/// The options that both rows share; `preset` tells the default capacity.
std::vector<OptionRow> memory_options(const std::string& preset);

}  // namespace kv
