#pragma once
#include <optional>
#include <string>
#include <vector>

#include "import/ids.hpp"
#include "import/notes.hpp"
#include "import/sorter.hpp"
#include "workload/block_size.hpp"
#include "workload/byte_sink.hpp"

namespace kv {

/// What an importer knows of all the requests that it will add.
struct CollectorSetup {
  std::optional<Tokens> block_size;            ///< of the ids; nullopt: whatever fits all requests
  std::optional<Tokens> preferred_block_size;  ///< where several fit
  IdMode ids = IdMode::made;
  bool starts_at_zero = false;  ///< times are those of a clock: subtract the first
  bool in_order = true;         ///< the source claims to be sorted by time: warn where it is not
};

/// What was written.
struct ImportSummary {
  std::uint64_t requests = 0, block_refs = 0, input_tokens = 0, output_tokens = 0, max_input_tokens = 0;
  std::uint64_t sorted_requests = 0;  ///< that had to be moved to be in order
  Tokens source_block_size, block_size;
  Duration span{};
  bool arrivals_known = true, outputs_known = true;  ///< else span and output_tokens say nothing
};

/// Takes requests in any order, and writes them as a trace that read_workload accepts: sorted, ids with one parent and
/// one size each, regrouped where asked for. Memory: that of ArrivalSorter and IdKeeper. Not thread-safe.
class Collector {
 public:
  explicit Collector(std::string name) : name_(std::move(name)) {}

  void setup(const CollectorSetup& setup);
  /// Fails (bad_input, without a place) if the length does not fit the ids, or is beyond what a trace can hold.
  Result<void> add(const TraceLine& line);
  std::uint64_t size() const { return sorter_.size(); }
  /// The source does not tell them, of some requests at least.
  void arrivals_unknown() { arrivals_known_ = false; }
  void outputs_unknown() { outputs_known_ = false; }

  /// Writes all of them, with `object_tokens` a block if given. Notes what had to be changed.
  Result<ImportSummary> write(ByteSink& out, std::optional<Tokens> object_tokens, ImportNotes& notes);

 private:
  Result<Tokens> find_block_size(ImportNotes& notes) const;
  void note_order(ImportNotes& notes) const;

  std::string name_;
  CollectorSetup setup_;
  BlockSizeFit fit_;
  BlockSizes fits_;
  ArrivalSorter sorter_;
  bool arrivals_known_ = true, outputs_known_ = true;
};

}  // namespace kv
