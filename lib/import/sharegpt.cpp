// ShareGPT's JSON: [{"id": ..., "conversations": [{"from": "human", "value": ...}, {"from": "gpt", "value": ...}]},
// ...].
#include <algorithm>
#include <array>

#include "import/jsonl.hpp"
#include "import/messages.hpp"
#include "import/rows.hpp"

namespace kv {
namespace {

constexpr std::array<std::string_view, 3> kLists{"conversations", "conversation", "items"};
constexpr std::array<std::string_view, 6> kAssistants{"gpt", "assistant", "chatgpt", "model", "bing", "bard"};

bool detect(const Sample& sample) {
  const bool json = sample.kind == Sample::Kind::json_array || sample.kind == Sample::Kind::json_lines;
  return json && (sample.has("conversations") || sample.has("conversation")) && !sample.has("messages");
}

Result<json::array> messages_of(const json::object& row) {
  for (const std::string_view name : kLists) {
    const auto list = member(row, name);
    if (!list) continue;
    json::array messages;
    if (list->get(messages))
      return error(Code::bad_input, std::string(name) + " must be an array, but is " + quoted(*list));
    return messages;
  }
  return error(Code::bad_input, "the field conversations is missing");
}

Result<Message> message_of(const json::element& value, ImportNotes& notes, std::uint64_t line) {
  json::object object;
  if (value.get(object)) return error(Code::bad_input, "a message must be an object, but is " + quoted(value));
  const bool share = member(object, "from").has_value();
  const auto role = name_at(object, share ? "from" : "role");
  if (!role) return error(role);
  if (role->empty()) return error(Code::bad_input, "a message has no \"from\"");
  const auto text = content_text(object, share ? "value" : "content", notes, line);
  if (!text) return error(text);
  const bool assistant = std::find(kAssistants.begin(), kAssistants.end(), *role) != kAssistants.end();
  return Message{*role, *text, assistant};
}

Result<void> run(ImportJob& job) {
  auto requests = MessageRequests::make(job);
  if (!requests) return error(requests);
  job.requests.setup({.block_size = *block_size_of(job.options), .preferred_block_size = {}, .in_order = false});
  MessageRequests::Conversation conversation;
  auto read = each_item(job, [&](const json::element& value, std::uint64_t line) -> Result<void> {
    json::object row;
    if (value.get(row)) return error(Code::bad_input, "a conversation must be an object, but is " + quoted(value));
    conversation = {};
    conversation.line = line;
    const auto id = name_at(row, "id");
    if (!id) return error(id);
    conversation.session = *id;
    const auto list = messages_of(row);
    if (!list) return error(list);
    for (const json::element element : *list) {
      const auto message = message_of(element, job.notes, line);
      if (!message) return error(message);
      conversation.messages.push_back(*message);
    }
    return requests->add(conversation);
  });
  if (read) requests->note();
  return read;
}

}  // namespace

const ImportFormat kSharegptFormat{
    .name = "sharegpt",
    .summary = "ShareGPT's conversations (JSON, or one a line): every assistant turn is a request",
    .keeps = "session (the conversation's id)",
    .options = MessageRequests::options(),
    .detect = detect,
    .run = run};

}  // namespace kv
