#include "profile/component.hpp"

#include <algorithm>
#include <array>

#include "profile/component_types.hpp"

namespace kv {

std::span<const ComponentRow> component_types() {
  static const std::array rows{kConversation, kAgent, kRag, kBatch, kOneshot};
  return rows;
}

void ComponentRun::add_text(Prompt& prompt, std::uint64_t number, std::uint64_t tokens) {
  const std::uint64_t room = limits.max_input_tokens - 1 - prompt.tokens();
  prompt.add_shared(std::min(tokens, room), limits.block_size, named[number], ids);
}

void ComponentRun::send(const Prompt& prompt, Step& step) {
  step.input = prompt.tokens();
  prompt.write_ids(limits.block_size, ids, step.ids);
}

std::uint64_t shared_length(const Distribution& length, const ComponentRun& run, std::uint64_t number) {
  Random random(mix64(run.seed, number));
  return length.draw_count(random);
}

}  // namespace kv
