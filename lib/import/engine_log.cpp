#include "import/engine_log.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace kv {
namespace {

constexpr std::uint64_t kSweepEvery = 4096;  // events, between looks for requests that are over

}  // namespace

Result<void> EngineLog::begin(const StoredBlocks& event) {
  Open open;
  Rebuilt& request = open.request;
  request.line = event.line;
  request.at = open.last = event.at;
  request.tenant = event.tenant;
  if (event.parent) {
    BlockId at = *event.parent;
    request.blocks.push_back(at);
    const auto first = known_.find(at);
    request.cut = first == known_.end();
    std::uint32_t left = request.cut ? 0 : first->second.depth;
    for (; left > 0; --left) {  // as many as it once had, whatever became of them
      const auto block = known_.find(at);
      if (block == known_.end()) break;
      request.blocks.push_back(at = block->second.parent);
    }
    request.cut = request.cut || left > 0;
    std::reverse(request.blocks.begin(), request.blocks.end());
  }
  request.blocks.insert(request.blocks.end(), event.blocks.begin(), event.blocks.end());
  const BlockId tail = request.blocks.back();
  const auto other = open_.find(tail);
  if (other != open_.end()) {
    if (auto given = sink_(other->second.request); !given) return given;
    open_.erase(other);
  }
  open_.emplace(tail, std::move(open));
  return {};
}

Result<void> EngineLog::stored(const StoredBlocks& event) {
  if (event.blocks.empty()) return {};
  const auto parent = event.parent ? known_.find(*event.parent) : known_.end();
  std::uint64_t depth = !event.parent ? 0 : parent == known_.end() ? 1 : std::uint64_t{parent->second.depth} + 1;
  if (depth + event.blocks.size() > kMaxDepth) {
    return error(Code::bad_input, fmt::format("a prompt of more than {} blocks", kMaxDepth));
  }
  BlockId before = event.parent.value_or(0);
  for (const BlockId block : event.blocks) {
    known_.try_emplace(block, Known{before, static_cast<std::uint32_t>(depth++)});
    before = block;
  }
  if (++events_ % kSweepEvery == 0) {
    if (auto closed = close_idle(event.at); !closed) return closed;
  }

  const auto under_way = event.parent ? open_.find(*event.parent) : open_.end();
  const bool goes_on = under_way != open_.end() && event.at - under_way->second.last <= idle_ &&
                       under_way->second.request.tenant == event.tenant &&
                       (event.blocks.size() == 1 || !under_way->second.decoding);
  if (!goes_on) return begin(event);
  Open open = std::move(under_way->second);
  open_.erase(under_way);
  open.last = event.at;
  if (event.blocks.size() == 1) {
    open.decoding = true;
    ++open.request.output_blocks;
  } else {
    open.request.blocks.insert(open.request.blocks.end(), event.blocks.begin(), event.blocks.end());
  }
  if (open.request.blocks.size() > kMaxDepth) {
    return error(Code::bad_input, fmt::format("a prompt of more than {} blocks", kMaxDepth));
  }
  const auto [place, is_new] = open_.try_emplace(event.blocks.back());
  if (!is_new) {
    if (auto given = sink_(place->second.request); !given) return given;
  }
  place->second = std::move(open);
  return {};
}

void EngineLog::removed(std::span<const BlockId> blocks) {
  for (const BlockId block : blocks) known_.erase(block);
}

Result<void> EngineLog::close_idle(Duration now) {
  for (auto it = open_.begin(); it != open_.end();) {
    if (now - it->second.last <= idle_) {
      ++it;
      continue;
    }
    if (auto given = sink_(it->second.request); !given) return given;
    it = open_.erase(it);
  }
  return {};
}

Result<void> EngineLog::finish() {
  std::vector<const Rebuilt*> left;
  for (const auto& [tail, open] : open_) left.push_back(&open.request);
  std::sort(left.begin(), left.end(), [](const Rebuilt* a, const Rebuilt* b) { return a->line < b->line; });
  for (const Rebuilt* request : left) {
    if (auto given = sink_(*request); !given) return given;
  }
  open_.clear();
  return {};
}

}  // namespace kv
