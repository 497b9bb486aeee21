#pragma once
#include <algorithm>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "curve/simulate.hpp"

namespace kv::test {

using Ids = std::vector<DenseId>;

inline bool has(const Ids& ids, DenseId id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }
inline void take_out(Ids& ids, DenseId id) { ids.erase(std::find(ids.begin(), ids.end(), id)); }

/// A policy written down as naively as possible: one victim at a time among those that `pinned` does not hold.
class SlowPolicy {
 public:
  virtual ~SlowPolicy() = default;
  virtual void expect(DenseId) {}
  virtual void insert(DenseId id, DenseId parent, std::size_t depth) = 0;
  virtual void touch(DenseId id) = 0;
  virtual DenseId victim(const std::set<DenseId>& pinned) = 0;  // and removes it
  virtual void erase(DenseId id) = 0;
};

std::unique_ptr<SlowPolicy> make_slow_policy(const std::string& name, std::uint64_t capacity);

/// simulate(), for online policies, over sets and maps.
SimulationResult slow_simulate(const Workload& workload, const std::string& policy, std::uint64_t capacity,
                               const SimulationOptions& options);

}  // namespace kv::test
