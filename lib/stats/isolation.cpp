#include <unordered_set>

#include "stats/known.hpp"
#include "stats/sharing.hpp"

namespace kv {
namespace {

constexpr std::uint32_t kNobody = UINT32_MAX;

/// Which tenants have used which blocks. Most blocks have one user: only those of several are hashed.
class Users {
 public:
  explicit Users(std::size_t blocks) : first_(blocks, kNobody) {}

  bool has(DenseId block, std::uint32_t tenant) const {
    return first_[block] == tenant || others_.contains(key(block, tenant));
  }
  void add(DenseId block, std::uint32_t tenant) {
    if (first_[block] == kNobody) {
      first_[block] = tenant;
    } else if (first_[block] != tenant) {
      others_.insert(key(block, tenant));
    }
  }

 private:
  static std::uint64_t key(DenseId block, std::uint32_t tenant) { return std::uint64_t{tenant} << 32 | block; }
  LargeVector<std::uint32_t> first_;
  std::unordered_set<std::uint64_t> others_;
};

}  // namespace

std::optional<Isolation> isolation_of(const Workload& workload, Isolate by) {
  const std::uint32_t named = by == Isolate::tenant ? workload.tenants() : workload.sessions();
  if (named == 0) return std::nullopt;
  Isolation out;
  Users users(workload.unique_blocks());
  bool unnamed = false;
  for (std::size_t i = 0; i < workload.size(); ++i) {
    const Request request = workload[i];
    const auto name = by == Isolate::tenant ? request.tenant : request.session;
    const std::uint32_t tenant = name.value_or(named);  // those without a name are one more
    unnamed = unnamed || !name;
    std::size_t known = 0;  // whoever used a block has used those in front of it
    while (known < request.blocks.size() && users.has(request.blocks[known], tenant)) ++known;
    for (std::size_t b = known; b < request.blocks.size(); ++b) users.add(request.blocks[b], tenant);
    out.block_hits += known;
    out.token_hits += hit_tokens(request, known, workload.block_size());
  }
  out.tenants = std::uint64_t{named} + unnamed;
  return out;
}

}  // namespace kv
