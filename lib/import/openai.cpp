// OpenAI-style message logs: one object a line (or an array of them) with "messages", at the top or within "body" or
// "request"; perhaps an answer ("choices", "response", "completion"), a time and a session.
#include <fmt/format.h>

#include <array>

#include "import/jsonl.hpp"
#include "import/messages.hpp"
#include "import/rows.hpp"
#include "import/times.hpp"

namespace kv {
namespace {

bool detect(const Sample& sample) {
  const bool json = sample.kind == Sample::Kind::json_array || sample.kind == Sample::Kind::json_lines;
  return json && (sample.has("messages") || sample.has("body.messages") || sample.has("request.messages"));
}

/// The object in which the messages are.
json::object request_of(const json::object& row) {
  for (const char* name : {"body", "request"}) {
    const auto inner = member(row, name);
    json::object object;
    if (!member(row, "messages") && inner && !inner->get(object)) return object;
  }
  return row;
}

/// What else than its text a message says to the model.
std::string calls_of(const json::object& message) {
  std::string out;
  for (const char* name : {"name", "tool_call_id", "tool_calls", "function_call"}) {
    if (const auto value = member(message, name)) out += '\n' + simdjson::minify(*value);
  }
  return out;
}

Result<Message> message_of(const json::element& value, ImportNotes& notes, std::uint64_t line) {
  json::object object;
  if (value.get(object)) return error(Code::bad_input, "a message must be an object, but is " + quoted(value));
  const auto role = name_at(object, "role");
  if (!role) return error(role);
  if (role->empty()) return error(Code::bad_input, "a message has no role");
  const auto text = content_text(object, "content", notes, line);
  if (!text) return error(text);
  return Message{*role, *text + calls_of(object), *role == "assistant"};
}

/// A response's own text: a string, or choices[0].message, or choices[0].text; wherever it stands.
Result<std::optional<std::string>> answer_of(const json::object& row, ImportNotes& notes, std::uint64_t line) {
  json::object holder = row;
  for (const char* name : {"response", "completion", "output"}) {
    const auto value = member(row, name);
    std::string_view text;
    if (value && !value->get(text)) return std::optional(std::string(text));
    if (value && !value->get(holder)) break;
  }
  if (const auto body = member(holder, "body")) {
    if (json::object inner; !body->get(inner)) holder = inner;
  }
  json::array choices;
  json::object choice;
  if (holder["choices"].get(choices) || choices.at(0).get(choice)) return std::optional<std::string>();
  std::string_view text;
  if (!choice["text"].get(text)) return std::optional(std::string(text));
  const auto message = member(choice, "message");
  if (!message) return std::optional<std::string>();
  const auto read = message_of(*message, notes, line);
  if (!read) return error(read);
  return std::optional(read->text);
}

/// "created" and "timestamp" in seconds (milliseconds from 1e11 on), or a date and time.
Result<std::optional<Duration>> time_of_row(const json::object& row) {
  for (const char* name : {"timestamp", "created", "created_at"}) {
    const auto value = member(row, name);
    if (!value) continue;
    std::string_view text;
    if (!value->get(text)) {
      const auto time = parse_date_time(text);
      if (!time)
        return error(Code::bad_input,
                     fmt::format("{} must be a time like 2024-05-10T00:00:00Z, but is {}", name, quoted(*value)));
      return time;
    }
    double number = 0;
    const bool in_ms = !value->get(number) && number >= 1e11;
    const auto time = time_of(*value, name, in_ms ? Duration(std::chrono::milliseconds(1)) : std::chrono::seconds(1));
    if (!time) return error(time);
    return std::optional(*time);
  }
  return std::optional<Duration>();
}

Result<std::string> first_name(const json::object& row, std::initializer_list<const char*> names) {
  for (const char* name : names) {
    auto text = name_at(row, name);
    if (!text || !text->empty()) return text;
  }
  return std::string();
}

Result<void> read_row(const json::object& row, ImportNotes& notes, MessageRequests::Conversation& out) {
  const json::object request = request_of(row);
  const auto list = member(request, "messages");
  json::array messages;
  if (!list || list->get(messages)) return error(Code::bad_input, "there is no array \"messages\"");
  if (const auto tools = member(request, "tools")) out.messages.push_back({"tools", simdjson::minify(*tools), false});
  for (const json::element element : messages) {
    const auto message = message_of(element, notes, out.line);
    if (!message) return error(message);
    out.messages.push_back(*message);
  }
  const auto answer = answer_of(row, notes, out.line);
  if (!answer) return error(answer);
  out.answer = *answer;
  out.one_request = answer->has_value() || out.messages.empty() || !out.messages.back().assistant;
  const auto at = time_of_row(row);
  if (!at) return error(at);
  out.at = *at;
  const auto session = out.one_request ? first_name(row, {"session_id", "conversation_id"})
                                       : first_name(row, {"session_id", "conversation_id", "id"});
  const auto tenant = first_name(row, {"tenant", "user"});
  const auto model = name_at(request, "model");
  for (const auto* name : {&session, &tenant, &model}) {
    if (!*name) return error(*name);
  }
  out.session = *session;
  out.tenant = *tenant;
  out.model = *model;
  return {};
}

Result<void> run(ImportJob& job) {
  auto requests = MessageRequests::make(job);
  if (!requests) return error(requests);
  job.requests.setup({.block_size = *block_size_of(job.options),
                      .preferred_block_size = {},
                      .starts_at_zero = true,
                      .in_order = !job.options.has("rate")});
  MessageRequests::Conversation conversation;
  auto read = each_item(job, [&](const json::element& value, std::uint64_t line) -> Result<void> {
    json::object row;
    if (value.get(row)) return error(Code::bad_input, "a row must be an object, but is " + quoted(value));
    conversation = {};
    conversation.line = line;
    if (auto fine = read_row(row, job.notes, conversation); !fine) return fine;
    if (conversation.messages.empty()) {
      job.notes.tally("rows without a message were left out", line);
      return {};
    }
    return requests->add(conversation);
  });
  if (read) requests->note();
  return read;
}

}  // namespace

const ImportFormat kOpenaiFormat{
    .name = "openai",
    .summary =
        "OpenAI-style message logs (JSONL or JSON): rows with an answer are one request, else each assistant turn is",
    .keeps = "session (session_id or conversation_id), tenant (tenant or user) and model (as group_id)",
    .options = MessageRequests::options(),
    .detect = detect,
    .run = run};

}  // namespace kv
