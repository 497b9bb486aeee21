#include "backend/rows.hpp"

namespace kv {
namespace {

/// Finds nothing and takes nothing: what is left of a run's time is the harness's own.
class NullSession final : public Session {
 public:
  Result<void> acquire(std::span<const BlockRef> blocks, Lease& lease) override {
    lease.blocks.assign(blocks.begin(), blocks.end());
    lease.present.assign(blocks.size(), false);
    lease.leading = 0;
    return {};
  }

  void submit(const Lease&, std::span<const Op> batch, TimePoint) override {
    done_.clear();
    for (std::uint32_t i = 0; i < batch.size(); ++i) {
      const bool get = batch[i].kind == Op::Kind::get;
      done_.push_back({i, get ? Done::Outcome::miss : Done::Outcome::skipped, 0, {}});
    }
  }

  void poll(std::vector<Done>& done, TimePoint) override {
    done.insert(done.end(), done_.begin(), done_.end());
    done_.clear();
  }

  void admit(Lease& lease, std::vector<bool>& accepted) override { accepted.assign(lease.blocks.size(), false); }
  void finish(Lease&) override {}

 private:
  std::vector<Done> done_;
};

class NullBackend final : public Backend {
 public:
  Result<void> start(const Needs&) override { return {}; }
  Capabilities capabilities() const override { return {}; }
  ServerInfo server() const override { return {}; }
  Result<std::unique_ptr<Session>> open() override { return std::make_unique<NullSession>(); }
  Result<BackendStats> stats() override {
    BackendStats stats;
    stats.evictions = 0;
    return stats;
  }
  Result<void> clear() override { return {}; }
};

Result<std::unique_ptr<Backend>> make_null(const BackendSpec&) { return std::make_unique<NullBackend>(); }

}  // namespace

const BackendRow kNullRow{
    .scheme = "null",
    .example = "null:",
    .summary = "stores nothing and finds nothing: the overhead of kvbench itself",
    .options = {},
    .make = make_null,
};

}  // namespace kv
