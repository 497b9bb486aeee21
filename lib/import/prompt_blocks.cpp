#include "import/prompt_blocks.hpp"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

namespace kv {
namespace {

BlockId id_of(std::string_view block, BlockId parent) {
  return XXH3_64bits_withSeed(block.data(), block.size(), parent) >> 1;
}

}  // namespace

void PromptBlocks::clear(std::string_view model) {
  root_ = model.empty() ? 0 : XXH3_64bits(model.data(), model.size());
  ids_.clear();
  full_ = 0;
  pending_.clear();
}

void PromptBlocks::put(std::string_view bytes) {
  ids_.resize(full_);
  const std::size_t block = block_size_.count() * kTokenBytes;
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), block - pending_.size());
    pending_.append(bytes.substr(0, size));
    bytes.remove_prefix(size);
    if (pending_.size() < block) return;
    ids_.push_back(id_of(pending_, full_ == 0 ? root_ : ids_.back()));
    ++full_;
    pending_.clear();
  }
}

Result<void> PromptBlocks::append(std::string_view role, std::string_view text) {
  // No token of a model is negative, so that a role is none of them.
  const auto mark = static_cast<std::uint32_t>(XXH3_64bits(role.data(), role.size())) | 0x80000000U;
  put({reinterpret_cast<const char*>(&mark), sizeof mark});
  if (tokenizer_ == nullptr) {
    put(text);
    return {};
  }
  encoded_.clear();
  if (auto encoded = tokenizer_->encode(text, encoded_); !encoded) return encoded;
  static_assert(sizeof(int) == kTokenBytes);
  put({reinterpret_cast<const char*>(encoded_.data()), encoded_.size() * kTokenBytes});
  return {};
}

Result<Tokens> PromptBlocks::count(std::string_view text) {
  if (tokenizer_ == nullptr) return Tokens(ceil_div(text.size(), kTokenBytes));
  encoded_.clear();
  if (const auto encoded = tokenizer_->encode(text, encoded_); !encoded) return error(encoded);
  return Tokens(encoded_.size());
}

Tokens PromptBlocks::tokens() const { return full_ * block_size_ + Tokens(ceil_div(pending_.size(), kTokenBytes)); }

const std::vector<BlockId>& PromptBlocks::ids() {
  ids_.resize(full_);
  if (!pending_.empty()) ids_.push_back(id_of(pending_, full_ == 0 ? root_ : ids_.back()));
  return ids_;
}

}  // namespace kv
