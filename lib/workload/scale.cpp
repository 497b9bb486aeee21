#include "workload/scale.hpp"

#include <xxhash.h>

#include <cmath>
#include <queue>
#include <vector>

#include "workload/id_space.hpp"
#include "workload/rewrite.hpp"

namespace kv {
namespace {

/// Lines that are to be written later than others which are still to come.
class Pending {
 public:
  explicit Pending(Rewriter& writer) : writer_(writer) {}

  void push(TraceLine line, std::vector<BlockId> ids, std::string session, std::string group) {
    line.ids = {};
    Held held{line,
              pushed_++,
              std::move(ids),
              std::move(session),
              std::string(line.origin.tenant),
              std::move(group),
              std::string(line.origin.type)};
    queue_.push(std::move(held));
  }
  /// Writes what arrives before `until`.
  Result<void> write(Duration until) {
    while (!queue_.empty() && queue_.top().line.at < until) {
      const Held& held = queue_.top();
      TraceLine line = held.line;
      line.ids = held.ids;
      line.origin = {.delay = line.origin.delay,
                     .session = held.session,
                     .tenant = held.tenant,
                     .group = held.group,
                     .type = held.type};
      if (auto written = writer_.write(line); !written) return written;
      queue_.pop();
    }
    return {};
  }

 private:
  struct Held {
    TraceLine line;  // its views are stale
    std::uint64_t order;
    std::vector<BlockId> ids;
    std::string session, tenant, group, type;
    bool operator<(const Held& other) const {  // the queue gives the largest first
      return line.at != other.line.at ? line.at > other.line.at : order > other.order;
    }
  };
  Rewriter& writer_;
  std::priority_queue<Held> queue_;
  std::uint64_t pushed_ = 0;
};

class Copies {
 public:
  Copies(const ScaleOptions& options, std::size_t common)
      : options_(options),
        common_(common),
        whole_(static_cast<std::uint64_t>(options.rate)),
        spaces_(static_cast<std::uint64_t>(std::ceil(options.rate))),
        rest_(options.rate - std::floor(options.rate), options.seed) {}

  /// Whole copies, the original being the first, and one more for a share of the trees.
  std::uint64_t of(BlockId root) const { return whole_ + (rest_.has(root) ? 1 : 0); }

  void push(const TraceLine& line, BlockId root, std::uint64_t copy, Pending& pending) const {
    std::vector<BlockId> ids(line.ids.begin(), line.ids.end());
    for (std::size_t i = 0; i < ids.size(); ++i) ids[i] = spaces_.id(i < common_ ? 0 : copy, ids[i]);
    TraceLine moved = line;
    moved.at += start(line.origin.session, root, copy);
    pending.push(moved, std::move(ids), name(line.origin.session, copy), name(line.origin.group, copy));
  }

 private:
  static std::string name(std::string_view text, std::uint64_t copy) {
    return text.empty() || copy == 0 ? std::string(text) : fmt::format("{}~{}", text, copy);
  }
  Duration start(std::string_view session, BlockId root, std::uint64_t copy) const {
    if (copy == 0) return Duration(0);
    const std::uint64_t who = session.empty() ? root : XXH3_64bits(session.data(), session.size());
    Random random(mix64(mix64(options_.seed, copy), who));
    return Duration(static_cast<Duration::rep>(random.below(static_cast<std::uint64_t>(options_.jitter.count()) + 1)));
  }

  const ScaleOptions& options_;
  std::size_t common_;
  std::uint64_t whole_;
  IdSpaces spaces_;
  TreeShare rest_;
};

Result<void> check(const ScaleOptions& options) {
  if (!(options.rate > 0 && options.rate <= kMaxScale)) {
    return error(Code::bad_input, fmt::format("--rate {} is not above 0 and up to {}", options.rate, kMaxScale),
                 "as in --rate 2, or --rate 0.5");
  }
  if (options.jitter < Duration(0)) return error(Code::bad_input, "--jitter is negative", "as in --jitter 1m");
  return {};
}

}  // namespace

Result<MadeTrace> scale_trace(const std::string& path, const ReadOptions& read, ReadNotes& notes,
                              const ScaleOptions& options, ByteSink& out) {
  if (const auto checked = check(options); !checked) return error(checked);
  const auto common = common_run(path, read);
  if (!common) return error(common);
  const Copies copies(options, *common);
  Rewriter writer(out);
  Pending pending(writer);
  TraceFigures whole;
  const auto block_size = rewrite(path, read, notes, [&](const TraceLine& line) -> Result<void> {
    whole.add(line);
    if (auto written = pending.write(line.at); !written) return written;
    const BlockId root = line.ids[root_index(*common, line.ids.size())];
    for (std::uint64_t copy = 0; copy < copies.of(root); ++copy) copies.push(line, root, copy, pending);
    return {};
  });
  if (!block_size) return error(block_size);
  if (const auto written = pending.write(Duration::max()); !written) return error(written);
  if (writer.figures().requests() == 0) {
    return error(Code::bad_input, fmt::format("--rate {} leaves none of {} requests", options.rate, whole.requests()),
                 "raise it, or try another --seed");
  }
  return writer.finish(std::move(whole), *block_size);
}

}  // namespace kv
