#pragma once
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <tuple>
#include <vector>

#include "backend/backend.hpp"

namespace kv::test {

/// What goes wrong in a ScriptedBackend, by the trace's block ids.
struct Script {
  std::set<std::uint64_t> failing_gets, failing_puts, refused;
  std::function<void(std::vector<std::byte>& header, std::vector<std::byte>& body)> on_put;  ///< alters what is kept
  std::function<void(const Op&, std::uint64_t block)> on_op;
  bool lookup_fails = false, stats_fail = false, clear_fails = false;
};

/// Room without end in this process, for one worker.
class ScriptedBackend final : public Backend {
 public:
  Script script;

  Result<void> start(const Needs& needs) override {
    parts_ = needs.parts;
    return {};
  }
  Capabilities capabilities() const override { return {}; }
  ServerInfo server() const override { return {}; }
  Result<std::unique_ptr<Session>> open() override { return std::make_unique<ScriptedSession>(*this); }
  Result<BackendStats> stats() override {
    if (script.stats_fail) return error(Code::io, "no counters today");
    return BackendStats{};
  }
  Result<void> clear() override {
    if (script.clear_fails) return error(Code::io, "nothing can be removed today");
    values_.clear();
    return {};
  }

 private:
  using Name = std::tuple<std::uint64_t, std::uint64_t, std::uint32_t>;  // space, block, part
  struct Value {
    std::vector<std::byte> header, body;
  };

  class ScriptedSession final : public Session {
   public:
    explicit ScriptedSession(ScriptedBackend& backend) : backend_(backend) {}

    Result<void> acquire(std::span<const BlockRef> blocks, Lease& lease) override {
      lease.blocks.assign(blocks.begin(), blocks.end());
      lease.present.assign(blocks.size(), false);
      lease.leading = 0;
      if (backend_.script.lookup_fails) return error(Code::io, "nobody answers");
      for (std::size_t i = 0; i < blocks.size(); ++i) lease.present[i] = backend_.complete(blocks[i].key);
      while (lease.leading < blocks.size() && lease.present[lease.leading]) ++lease.leading;
      return {};
    }

    void submit(const Lease& lease, std::span<const Op> batch, TimePoint) override {
      for (std::uint32_t i = 0; i < batch.size(); ++i) {
        const Key& key = lease.blocks[batch[i].block].key;
        if (backend_.script.on_op) backend_.script.on_op(batch[i], key.block);
        done_.push_back(batch[i].kind == Op::Kind::get ? backend_.get(key, batch[i]) : backend_.put(key, batch[i]));
        done_.back().op = i;
      }
    }

    void poll(std::vector<Done>& done, TimePoint) override {
      done.insert(done.end(), done_.begin(), done_.end());
      done_.clear();
    }

    void admit(Lease& lease, std::vector<bool>& accepted) override {
      accepted.assign(lease.blocks.size(), false);
      for (std::size_t i = 0; i < lease.blocks.size(); ++i) {
        accepted[i] = !lease.present[i] && backend_.script.refused.count(lease.blocks[i].key.block) == 0;
      }
    }
    void finish(Lease&) override {}

   private:
    ScriptedBackend& backend_;
    std::vector<Done> done_;
  };

  bool complete(const Key& key) const {
    for (std::uint32_t part = 0; part < parts_; ++part) {
      if (values_.count({key.space, key.block, part}) == 0) return false;
    }
    return true;
  }

  Done get(const Key& key, const Op& op) const {
    if (script.failing_gets.count(key.block) != 0) return {0, Done::Outcome::failed, 0, "the line is dead"};
    const auto found = values_.find({key.space, key.block, op.part});
    if (found == values_.end()) return {0, Done::Outcome::miss, 0, {}};
    std::copy(found->second.header.begin(), found->second.header.end(), op.header.begin());
    std::copy(found->second.body.begin(), found->second.body.end(), op.body.begin());
    return {0, Done::Outcome::hit, found->second.body.size(), {}};
  }

  Done put(const Key& key, const Op& op) {
    if (script.failing_puts.count(key.block) != 0) return {0, Done::Outcome::failed, 0, "the disk is full"};
    Value value{{op.header.begin(), op.header.end()}, {op.body.begin(), op.body.end()}};
    if (script.on_put) script.on_put(value.header, value.body);
    values_[{key.space, key.block, op.part}] = std::move(value);
    return {0, Done::Outcome::stored, op.body.size(), {}};
  }

  std::uint32_t parts_ = 1;
  std::map<Name, Value> values_;
};

}  // namespace kv::test
