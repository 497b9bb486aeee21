#include "backend/memory_backend.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/parse.hpp"

namespace kv {

using Outcome = Done::Outcome;

/// Ops are carried out when they are submitted: memory keeps nobody waiting, so deadlines do not matter here.
class MemorySession final : public Session {
 public:
  explicit MemorySession(MemoryBackend& backend) : backend_(backend) {}

  Result<void> acquire(std::span<const BlockRef> blocks, Lease& lease) override {
    const std::lock_guard lock(backend_.mutex_);
    backend_.directory_->acquire(blocks, lease);
    return {};
  }
  void admit(Lease& lease, std::vector<bool>& accepted) override {
    const std::lock_guard lock(backend_.mutex_);
    backend_.directory_->admit(lease, accepted);
  }
  void finish(Lease& lease) override {
    const std::lock_guard lock(backend_.mutex_);
    backend_.directory_->finish(lease);
  }
  void submit(const Lease& lease, std::span<const Op> batch, TimePoint) override {
    find_places(lease, batch);
    for (const Job& job : jobs_) {
      done_.push_back(job.op->kind == Op::Kind::get ? get(job) : put(job));
      done_.back().op = static_cast<std::uint32_t>(job.op - batch.data());
    }
    settle_puts();
  }
  void poll(std::vector<Done>& done, TimePoint) override {
    done.insert(done.end(), std::make_move_iterator(done_.begin()), std::make_move_iterator(done_.end()));
    done_.clear();
  }

 private:
  struct Job {
    const Op* op;
    const BlockEntry* readable;  // of a get; null: miss
    BlockEntry* writable;        // of a put; null: not wanted (any more)
    StoredPart* place;           // of a put; null: does not fit
  };

  void find_places(const Lease& lease, std::span<const Op> batch) {
    jobs_.clear();
    const std::lock_guard lock(backend_.mutex_);
    BlockDirectory& directory = *backend_.directory_;
    for (const Op& op : batch) {
      Job job{&op, nullptr, nullptr, nullptr};
      if (op.kind == Op::Kind::get) {
        job.readable = directory.readable(lease, op.block);
      } else {
        job.writable = directory.writable(lease, op.block);
        if (job.writable != nullptr) job.place = directory.begin_part(*job.writable, op.part, op.body.size());
      }
      jobs_.push_back(job);
    }
  }

  std::span<const Granule> granules_of(const BlockEntry& entry, const StoredPart& part) const {
    const std::size_t count = ceil_div(part.body_bytes, backend_.layout_.granule_bytes);
    return std::span(entry.granules).subspan(part.first_granule, count);
  }

  Result<void> read_body(std::span<const Granule> granules, std::span<std::byte> into, bool hash, Done& done) {
    const std::size_t granule_bytes = backend_.layout_.granule_bytes;
    if (backend_.kind_.device_memory || !hash) return read_granules(*backend_.arena_, granule_bytes, granules, into);
    checksum_.reset();
    auto read = read_granules(*backend_.arena_, granule_bytes, granules, into, checksum_);
    if (read) done.body_xxh3 = checksum_.value();
    return read;
  }

  Done get(const Job& job) {
    Done done;
    if (job.readable == nullptr || job.op->part >= job.readable->parts.size()) {
      done.outcome = Outcome::miss;
      return done;
    }
    const StoredPart& part = job.readable->parts[job.op->part];
    if (part.body_bytes > job.op->body.size()) {
      done.outcome = Outcome::corrupt;
      done.error = fmt::format("body of {} bytes where {} were expected at most", part.body_bytes, job.op->body.size());
      return done;
    }
    std::copy(part.header.begin(), part.header.end(), job.op->header.begin());
    done.body_bytes = part.body_bytes;
    const auto read =
        read_body(granules_of(*job.readable, part), job.op->body.first(part.body_bytes), job.op->hash, done);
    done.outcome = read ? Outcome::hit : Outcome::failed;
    if (!read) done.error = read.error().message;
    return done;
  }

  Done put(const Job& job) const {
    Done done;
    if (job.writable == nullptr) {
      done.outcome = Outcome::skipped;
      return done;
    }
    if (job.place == nullptr) {
      done.error = fmt::format("part {} of {} bytes: put before, or larger than the block announced", job.op->part,
                               job.op->body.size());
      return done;
    }
    std::copy_n(job.op->header.begin(), ValueHeader::kBytes, job.place->header.begin());
    const auto written = write_granules(*backend_.arena_, backend_.layout_.granule_bytes,
                                        granules_of(*job.writable, *job.place), job.op->body);
    done.outcome = written ? Outcome::stored : Outcome::failed;
    done.body_bytes = job.op->body.size();
    if (!written) done.error = written.error().message;
    return done;
  }

  /// Only now may other sessions see what was put.
  void settle_puts() {
    const std::lock_guard lock(backend_.mutex_);
    const std::size_t first = done_.size() - jobs_.size();
    for (std::size_t i = 0; i < jobs_.size(); ++i) {
      if (done_[first + i].outcome == Outcome::stored) backend_.directory_->end_part(*jobs_[i].writable);
    }
  }

  MemoryBackend& backend_;
  std::vector<Job> jobs_;
  std::vector<Done> done_;
  RunningChecksum checksum_;
};

MemoryBackend::MemoryBackend(const MemoryKind& kind, const BackendSpec& spec, const PolicyRow& policy)
    : kind_(kind), policy_(policy) {
  if (spec.options.has("capacity")) capacity_ = spec.options.bytes("capacity");
  if (spec.options.has("capacity_blocks")) capacity_blocks_ = spec.options.count("capacity_blocks");
  admit_ = static_cast<std::uint32_t>(spec.options.count("admit"));
}

namespace {

Result<const PolicyRow*> named_policy(const std::string& scheme, const std::string& name) {
  const PolicyRow* policy = find_policy(name);
  if (policy != nullptr && policy->online()) return policy;
  if (policy != nullptr) {
    return error(Code::bad_input, fmt::format("{}: the policy {} must know the future", scheme, name),
                 "it is for simulation; here: " + policy_names());
  }
  std::vector<std::string> names;
  for (const PolicyRow& row : policies()) {
    if (row.online()) names.push_back(row.name);
  }
  const auto close = nearest(name, names);
  return error(Code::bad_input, fmt::format("{}: unknown policy {}", scheme, quote(name)),
               (close ? fmt::format("did you mean '{}'? ", *close) : "") + "known policies: " + policy_names());
}

}  // namespace

Result<std::unique_ptr<Backend>> MemoryBackend::make(const MemoryKind& kind, const BackendSpec& spec) {
  const OptionValues& options = spec.options;
  if (options.has("capacity") && options.has("capacity_blocks")) {
    return error(Code::bad_input, kind.scheme + ": both capacity and capacity_blocks are given", "give one of them");
  }
  const auto policy = named_policy(kind.scheme, options.text("policy"));
  if (!policy) return error(policy);
  if (const std::uint64_t admit = options.count("admit"); admit < 1 || admit > kMostAdmit) {
    return error(Code::bad_input, fmt::format("{}: admit={} is not from 1 to {}", kind.scheme, admit, kMostAdmit),
                 "admit=2 stores a block at its second use");
  }
  return std::unique_ptr<Backend>(new MemoryBackend(kind, spec, **policy));
}

Result<void> MemoryBackend::start(const Needs& needs) {
  const auto room = kind_.room();
  if (!room) return error(room);
  // The default is a share of the machine, or of what others leave of it, that the replay's own windows share.
  const Bytes whole = std::min(room->preset, room->available);
  const Bytes capacity = capacity_.value_or(whole - std::min(whole / 2, Bytes(needs.replay_bytes)));
  const auto layout = plan_arena(kind_.scheme, capacity, capacity_blocks_, needs, room->available);
  if (!layout) {
    const bool scarce = !capacity_ && !capacity_blocks_ && room->available < room->preset;
    if (!scarce) return error(layout);
    return error(layout.error().code, layout.error().message,
                 fmt::format("only {} of memory are available: end what takes the rest, or scale payloads down with "
                             "--bytes-per-token",
                             format_bytes(room->available)));
  }
  arena_.reset();  // first, so that a second start does not need twice the memory
  auto arena = kind_.make_arena(layout->granules, layout->granule_bytes);
  if (!arena) return error(arena);
  arena_ = *std::move(arena);
  layout_ = *layout;
  device_ = room->device;
  nominal_ = capacity_blocks_ ? Bytes(layout_.capacity * layout_.block_granules * layout_.granule_bytes) : capacity;
  return clear();
}

Capabilities MemoryBackend::capabilities() const {
  return {.remote = false, .device_memory = kind_.device_memory, .device = device_, .capacity = nominal_};
}

Result<std::unique_ptr<Session>> MemoryBackend::open() { return std::make_unique<MemorySession>(*this); }

Result<BackendStats> MemoryBackend::stats() {
  const std::lock_guard lock(mutex_);
  BackendStats stats;
  stats.insertions = directory_->insertions();
  stats.evictions = directory_->evictions();
  stats.used = Bytes(directory_->used_granules() * layout_.granule_bytes);
  return stats;
}

Result<void> MemoryBackend::clear() {
  const std::lock_guard lock(mutex_);
  directory_.emplace(layout_, policy_, admit_);
  return {};
}

std::vector<OptionRow> memory_options(const std::string& preset) {
  return {{"capacity", OptionKind::bytes, "", "memory for blocks; default: " + preset},
          {"capacity_blocks", OptionKind::count, "", "instead of capacity: how many blocks, whatever they weigh"},
          {"policy", OptionKind::text, "lru", "which block leaves first: " + policy_names()},
          {"admit", OptionKind::count, "1", "store a block at its K-th use only, counted over all requests"}};
}

}  // namespace kv
