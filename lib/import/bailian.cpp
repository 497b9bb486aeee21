// Qwen-Bailian usage traces (github.com/alibaba-edu/qwen-bailian-usagetraces-anon): JSONL, 16-token blocks, seconds.
#include <fmt/format.h>

#include <unordered_map>

#include "import/jsonl.hpp"
#include "import/rows.hpp"

namespace kv {
namespace {

bool detect(const Sample& sample) {
  return sample.kind == Sample::Kind::json_lines && sample.has("chat_id") && sample.has("input_length") &&
         sample.has("hash_ids");
}

/// Which conversation a chat goes on with: that of its first chat.
class Conversations {
 public:
  /// `parent` is "-1", or empty, for a chat that begins one.
  const std::string& of(const std::string& chat, const std::string& parent) {
    const bool begins = parent.empty() || parent == "-1";
    const auto known = begins ? first_.end() : first_.find(parent);
    const std::string first = known != first_.end() ? known->second : begins ? chat : parent;
    return first_[chat] = first;
  }

 private:
  std::unordered_map<std::string, std::string> first_;
};

Result<void> run(ImportJob& job) {
  const auto mode = id_mode(job.options);
  if (!mode) return error(mode);
  const auto block_size = block_size_of(job.options);
  if (!block_size) return error(block_size);
  job.requests.setup({.block_size = *block_size, .preferred_block_size = {}, .ids = *mode});
  Conversations conversations;
  std::vector<BlockId> ids;
  return each_object(job, [&](const json::object& row, std::uint64_t line) -> Result<void> {
    TraceLine request;
    request.line = line;
    const auto time = member(row, "timestamp");
    if (!time) return error(Code::bad_input, "the field timestamp is missing");
    const auto at = time_of(*time, "timestamp", std::chrono::seconds(1));
    if (!at) return error(at);
    const auto input = count_at(row, "input_length", 1, UINT32_MAX);
    if (!input) return error(input);
    const auto output = count_at(row, "output_length", 0, UINT32_MAX);
    if (!output) return error(output);
    const auto blocks = member(row, "hash_ids");
    if (!blocks) return error(Code::bad_input, "the field hash_ids is missing");
    if (auto read = ids_of(*blocks, "hash_ids", ids); !read) return read;
    const auto chat = name_at(row, "chat_id"), parent = name_at(row, "parent_chat_id"), type = name_at(row, "type");
    for (const auto* name : {&chat, &parent, &type}) {
      if (!*name) return error(*name);
    }
    if (chat->empty()) return error(Code::bad_input, "the field chat_id is missing");
    request.at = *at;
    request.input = Tokens(*input);
    request.output = Tokens(*output);
    request.ids = ids;
    request.origin.session = conversations.of(*chat, *parent);
    request.origin.type = *type;
    return job.requests.add(request);
  });
}

}  // namespace

const ImportFormat kBailianFormat{
    .name = "bailian",
    .summary = "Qwen-Bailian usage traces (JSONL): blocks of 16 tokens, times in seconds, chats that follow chats",
    .keeps = "session (the chat that began it) and type",
    .options = {block_size_option("16"), ids_option()},
    .detect = detect,
    .run = run};

}  // namespace kv
